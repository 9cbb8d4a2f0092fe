import { Buffer } from 'node:buffer'
import { NAME_RULES, physicalName } from '@busbar/core/adapter'
import { Redis } from 'ioredis'
import type { RawClient, RawWireMessage } from '../../../conformance/src/model/raw-client.ts'

/** ioredis alone: entries as another program reads and writes them. */
export function rawClient(
  prefix: string,
  server: { host: string; port: number },
): RawClient & { close(): void } {
  const client = new Redis({ ...server, protocol: 2 })
  client.on('error', () => {})
  const places = new Map<string, string>()
  const streamOf = (topic: string) => physicalName(NAME_RULES.redis, { prefix, kind: 'topic', topic })
  return {
    async send(topic, { headers, contentType, body }) {
      const fields: (string | Buffer)[] = []
      if (body !== null) fields.push('body', Buffer.from(body))
      if (contentType !== undefined) fields.push('content-type', contentType)
      for (const [name, value] of Object.entries(headers)) fields.push(name, value)
      await client.xadd(streamOf(topic), '*', ...fields)
    },
    async receive(topic, count) {
      const reader = client.duplicate()
      const found: RawWireMessage[] = []
      let after = places.get(topic) ?? '$'
      if (after === '$') {
        const last = await client.xrevrange(streamOf(topic), '+', '-', 'COUNT', 1)
        after = last[0]?.[0] ?? '0-0'
      }
      while (found.length < count) {
        const reply = (await reader.callBuffer(
          'XREAD',
          'COUNT',
          count - found.length,
          'BLOCK',
          1000,
          'STREAMS',
          streamOf(topic),
          after,
        )) as [Buffer, [Buffer, Buffer[]][]][] | null
        for (const [id, fields] of reply?.[0]?.[1] ?? []) {
          after = String(id)
          found.push(messageOf(fields))
        }
      }
      places.set(topic, after)
      reader.disconnect()
      return found
    },
    close: () => client.disconnect(),
  }
}

function messageOf(fields: readonly Buffer[]): RawWireMessage {
  const headers: Record<string, string> = {}
  let contentType: string | undefined
  let body: Uint8Array | null = null
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = String(fields[i])
    const value = fields[i + 1] as Buffer
    if (name === 'body' && body === null) body = value
    else if (name === 'content-type') contentType = String(value)
    else headers[name] = String(value)
  }
  return { headers, body, ...(contentType === undefined ? {} : { contentType }) }
}
