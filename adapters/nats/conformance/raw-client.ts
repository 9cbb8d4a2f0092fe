import type { RawClient, RawWireMessage } from '@busbar/conformance'
import { headers as newHeaders } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'

/** The plain driver on core NATS: a stream's subject is an ordinary subject too. */
export function rawClient(server: string, prefix: string): RawClient {
  const subjectOf = (topic: string) => (prefix === '' ? topic : `${prefix}.__.${topic}`)
  return {
    async send(topic, message) {
      const nc = await connect({ servers: server })
      const headers = newHeaders()
      for (const [name, value] of Object.entries(message.headers)) headers.append(name, value)
      if (message.contentType !== undefined) headers.append('Content-Type', message.contentType)
      await nc.request(subjectOf(topic), message.body ?? new Uint8Array(0), { headers, timeout: 5_000 })
      await nc.close()
    },
    async receive(topic, count) {
      const nc = await connect({ servers: server })
      const heard: RawWireMessage[] = []
      const subscription = nc.subscribe(subjectOf(topic), { max: count })
      await nc.flush()
      for await (const message of subscription) {
        const headers: Record<string, string> = {}
        let contentType: string | undefined
        for (const [name, values] of message.headers ?? []) {
          if (name.toLowerCase() === 'content-type') contentType = values[0] ?? ''
          else headers[name] = values[0] ?? ''
        }
        heard.push({ headers, body: message.data, ...(contentType === undefined ? {} : { contentType }) })
      }
      await nc.close()
      return heard
    },
  }
}
