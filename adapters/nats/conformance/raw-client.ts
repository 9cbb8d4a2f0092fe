import type { RawClient, RawWireMessage } from '@busbar/conformance'
import { type Msg, type NatsConnection, headers as newHeaders } from '@nats-io/nats-core'

/** The plain driver on core NATS: a stream's subject is an ordinary subject too. */
export function rawClient(connection: NatsConnection, prefix: string): RawClient {
  const subjectOf = (topic: string) => (prefix === '' ? topic : `${prefix}.__.${topic}`)
  return {
    async send(topic, message) {
      const headers = newHeaders()
      for (const [name, value] of Object.entries(message.headers)) headers.append(name, value)
      if (message.contentType !== undefined) headers.append('Content-Type', message.contentType)
      const body = message.body ?? new Uint8Array(0)
      await connection.request(subjectOf(topic), body, { headers, timeout: 5_000 })
    },
    async listen(topic) {
      const { promise: first, resolve, reject } = Promise.withResolvers<RawWireMessage>()
      connection.subscribe(subjectOf(topic), {
        max: 1,
        callback: (error, message) => (error === null ? resolve(onTheWire(message)) : reject(error)),
      })
      await connection.flush()
      return { first }
    },
  }
}

function onTheWire(message: Msg): RawWireMessage {
  const headers: Record<string, string> = {}
  let contentType: string | undefined
  for (const [name, values] of message.headers ?? []) {
    if (name.toLowerCase() === 'content-type') contentType = values[0] ?? ''
    else headers[name] = values[0] ?? ''
  }
  return { headers, body: message.data, ...(contentType === undefined ? {} : { contentType }) }
}
