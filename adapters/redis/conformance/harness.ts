import { Redis } from 'ioredis'
import { brokerHarness } from '../../../conformance/src/brokers/broker-harness.ts'
import { redis } from '../src/index.ts'
import { optionsFromUrl } from '../src/url.ts'
import { rawClient } from './raw.ts'
import { secured } from './secured.ts'

/** Redis for the conformance suite, or Valkey with `--server valkey`. */
export default brokerHarness({
  name: 'redis',
  servers: ['redis', 'valkey'],
  secured,
  connect({ url }) {
    const server = { host: new URL(url).hostname, port: Number(new URL(url).port || 6379) }
    const admin = new Redis(server)
    // A restart in a case breaks this link too; it comes back by itself.
    admin.on('error', () => {})
    const raws: { close(): void }[] = []
    return {
      adapter: through => redis({ operationTimeout: 5_000, ...optionsFromUrl(through.href) }),
      raw(prefix) {
        const client = rawClient(prefix, server)
        raws.push(client)
        return client
      },
      async killChannel(client) {
        // The connection that a subscription blocks on; the shared one stays.
        const list = String(await admin.call('CLIENT', 'LIST'))
        for (const line of list.split('\n')) {
          const id = /^id=(\d+)/.exec(line)?.[1]
          const name = /\bname=(\S*)/.exec(line)?.[1] ?? ''
          const isReader = name.includes(client) && !name.endsWith(':shared') && !name.endsWith(':replies')
          if (id !== undefined && isReader) await admin.call('CLIENT', 'KILL', 'ID', id)
        }
      },
      async cleanUp(prefix) {
        for await (const keys of admin.scanStream({ match: `{${prefix}::*`, count: 1_000 })) {
          if (keys.length > 0) await admin.unlink(...(keys as string[]))
        }
      },
      async close() {
        for (const raw of raws) raw.close()
        admin.disconnect()
      },
    }
  },
})
