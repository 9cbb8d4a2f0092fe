import type { RawClient, RawWireMessage } from '@busbar/conformance'
import type { ChannelModel, ConsumeMessage } from 'amqplib'
import { Names } from '../src/topology/names.ts'

/** The plain driver, on the topic's exchange. */
export function rawClient(connecting: () => Promise<ChannelModel>, prefix: string): RawClient {
  const names = new Names(prefix)
  return {
    async send(topic, { headers, contentType, body }) {
      const channel = await (await connecting()).createConfirmChannel()
      await new Promise<void>((resolve, reject) => {
        channel.publish(
          names.exchange(topic),
          names.routingKey(topic),
          Buffer.from(body ?? []),
          { headers, persistent: true, ...(contentType === undefined ? {} : { contentType }) },
          error => (error ? reject(error) : resolve()),
        )
      })
      await channel.close()
    },
    async listen(topic) {
      const channel = await (await connecting()).createChannel()
      channel.on('error', () => {})
      const exchange = names.exchange(topic)
      await channel.assertExchange(exchange, 'fanout', { durable: true })
      const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true })
      await channel.bindQueue(queue, exchange, '')
      const { promise: first, resolve } = Promise.withResolvers<RawWireMessage>()
      await channel.consume(
        queue,
        message => {
          if (message !== null) resolve(onTheWire(message))
        },
        { noAck: true },
      )
      return { first }
    },
  }
}

function onTheWire({ content, properties }: ConsumeMessage): RawWireMessage {
  const headers = Object.entries(properties.headers ?? {}).map(
    ([name, value]) => [name, String(value)] as const,
  )
  return {
    headers: Object.fromEntries(headers),
    ...(properties.contentType === undefined ? {} : { contentType: String(properties.contentType) }),
    body: content,
  }
}
