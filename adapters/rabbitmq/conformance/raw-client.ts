import type { RawClient, RawWireMessage } from '@busbar/conformance'
import type { ChannelModel, ConsumeMessage } from 'amqplib'
import { Names } from '../src/topology/names.ts'

/** The plain driver. What it reads comes from a queue on the topic's exchange that is there before the case publishes. */
export function rawClient(
  connecting: () => Promise<ChannelModel>,
  prefix: string,
  holdUntil: (ready: Promise<unknown>) => void,
): RawClient {
  const names = new Names(prefix)
  const seen: ConsumeMessage[] = []
  const waiting = new Set<() => void>()

  async function tap(topic: string) {
    const connection = await connecting()
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    await channel.assertExchange(names.exchange(topic), 'fanout', { durable: true })
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true })
    await channel.bindQueue(queue, names.exchange(topic), '')
    await channel.consume(
      queue,
      message => {
        if (message === null) return
        seen.push(message)
        for (const wake of waiting) wake()
      },
      { noAck: true },
    )
    return channel
  }

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
    async receive(topic, count) {
      const opened = tap(topic)
      // What is published from now on has to be seen, and the queue takes a few round trips.
      holdUntil(opened)
      await opened
      const found = () =>
        seen.filter(message => names.topicOf(message.fields.routingKey) === topic).slice(0, count)
      while (found().length < count) {
        await new Promise<void>(resolve => {
          waiting.add(resolve)
        })
        waiting.clear()
      }
      return found().map(wire)
    },
  }
}

function wire({ content, properties }: ConsumeMessage): RawWireMessage {
  const headers = Object.entries(properties.headers ?? {}).map(
    ([name, value]) => [name, String(value)] as const,
  )
  return {
    headers: Object.fromEntries(headers),
    ...(properties.contentType === undefined ? {} : { contentType: String(properties.contentType) }),
    body: content,
  }
}
