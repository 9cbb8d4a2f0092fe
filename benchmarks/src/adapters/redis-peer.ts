import { Redis } from 'ioredis'
import { ATTRIBUTES, body, type Connection, type Peer } from './peer.ts'

/**
 * ioredis: automatic pipelining for concurrent XADDs, large reads, one XACK for each; requests through a list that the responder
 * empties by hundreds, replies through a channel.
 */
export const redisPeer = (url: string): Peer => ({
  name: 'ioredis',
  async open(destination): Promise<Connection> {
    const connect = () => new Redis(url, { enableAutoPipelining: true, replyMapping: 'legacy' } as object)
    const redis = connect()
    const [reader, replies] = [connect(), connect()]
    const stream = `raw:${destination}`
    await redis.xgroup('CREATE', stream, 'bench', '$', 'MKSTREAM')
    const attributes = JSON.stringify(ATTRIBUTES)
    const waiting = new Map<string, (answer: string) => void>()
    let asked = 0
    let closed = false
    const answerAll = async () => {
      while (!closed) {
        const popped = await reader.blmpop(1, 1, `${stream}:asks`, 'LEFT', 'COUNT', 500)
        for (const ask of popped?.[1] ?? []) {
          const [id = '', , question = ''] = ask.split('\n')
          void redis.publish(`${stream}:replies`, `${id}\n${JSON.stringify(JSON.parse(question))}`)
        }
      }
    }
    return {
      publish: () => redis.xadd(stream, '*', 'a', attributes, 'b', body()),
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
      async respond() {
        replies.on('message', (_channel: string, reply: string) => {
          const [id = '', answer = ''] = reply.split('\n')
          waiting.get(id)?.(answer)
        })
        await replies.subscribe(`${stream}:replies`)
        answerAll().catch(error => {
          if (!closed) throw error
        })
      },
      ask: () =>
        new Promise((resolve, reject) => {
          const id = String(++asked)
          waiting.set(id, answer => {
            waiting.delete(id)
            resolve(JSON.parse(answer))
          })
          redis.rpush(`${stream}:asks`, `${id}\n${attributes}\n${body()}`).catch(reject)
        }),
      async close() {
        closed = true
        await redis.del(stream)
        for (const connection of [redis, reader, replies]) connection.disconnect()
      },
    }
  },
})
