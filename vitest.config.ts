import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Tests run the TypeScript sources of every workspace package; no build is needed first.
  resolve: { conditions: ['@busbar/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@busbar/source', 'node', 'import', 'default'] } },
  test: {
    include: [
      '{packages,adapters,examples}/*/test/**/*.test.ts',
      '{conformance,benchmarks}/test/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**', '**/test/broker/**'],
    typecheck: { enabled: false },
    testTimeout: 20_000,
  },
})
