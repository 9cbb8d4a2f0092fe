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
  // Blocks, so it is a connection of its own.
  const reader = client.duplicate()
  reader.on('error', () => {})
  const streamOf = (topic: string) => physicalName(NAME_RULES.redis, { prefix, kind: 'topic', topic })

  async function next(stream: string, after: string): Promise<RawWireMessage> {
    for (;;) {
      const reply = (await reader.callBuffer(
        ...['XREAD', 'COUNT', '1', 'BLOCK', '1000', 'STREAMS', stream, after],
      )) as [Buffer, [Buffer, Buffer[]][]][] | null
      const entry = reply?.[0]?.[1][0]
      if (entry !== undefined) return messageOf(entry[1])
    }
  }

  return {
    async send(topic, { headers, contentType, body }) {
      const fields: (string | Buffer)[] = []
      if (body !== null) fields.push('body', Buffer.from(body))
      if (contentType !== undefined) fields.push('content-type', contentType)
      for (const [name, value] of Object.entries(headers)) fields.push(name, value)
      await client.xadd(streamOf(topic), '*', ...fields)
    },
    async listen(topic) {
      const stream = streamOf(topic)
      const [last] = await client.xrevrange(stream, '+', '-', 'COUNT', 1)
      return { first: next(stream, last?.[0] ?? '0-0') }
    },
    close() {
      client.disconnect()
      reader.disconnect()
    },
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
