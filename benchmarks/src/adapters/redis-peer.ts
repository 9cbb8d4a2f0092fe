import { Redis } from 'ioredis'
import { ATTRIBUTES, BODY, type Connection, type Peer } from './peer.ts'

/** ioredis: automatic pipelining for concurrent XADDs, large reads, one XACK for each. */
export const redisPeer = (url: string): Peer => ({
  name: 'ioredis',
  asks: false,
  async open(destination): Promise<Connection> {
    const redis = new Redis(url, { enableAutoPipelining: true, replyMapping: 'legacy' } as object)
    const stream = `raw:${destination}`
    await redis.xgroup('CREATE', stream, 'bench', '$', 'MKSTREAM')
    const attributes = JSON.stringify(ATTRIBUTES)
    return {
      publish: () => redis.xadd(stream, '*', 'a', attributes, 'b', BODY),
      async consume(count) {
        for (let seen = 0; seen < count; ) {
          const reply = (await redis.xreadgroup(
            'GROUP',
            'bench',
            'one',
            'COUNT',
            500,
            'STREAMS',
            stream,
            '>',
          )) as [string, [string, string[]][]][] | null
          const entries = reply?.[0]?.[1] ?? []
          for (const [, fields] of entries) JSON.parse(fields[3] ?? '')
          seen += entries.length
          if (entries.length > 0) await redis.xack(stream, 'bench', ...entries.map(([id]) => id))
        }
      },
      async close() {
        await redis.del(stream)
        redis.disconnect()
      },
    }
  },
})
