import { defineConfig, mergeConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Tests that need a broker each: they start it in a container, or use the one that `BUSBAR_<BROKER>_URL` names. */
export default mergeConfig(
  { resolve: base.resolve, ssr: base.ssr },
  defineConfig({
    test: {
      include: ['{adapters,examples}/*/test/broker/**/*.test.ts'],
      globalSetup: ['conformance/src/brokers/vitest-setup.ts'],
      // Brokers share the machine with their tests.
      maxWorkers: 2,
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  }),
)
