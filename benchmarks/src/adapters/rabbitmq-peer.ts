import { type ConsumeMessage, connect } from 'amqplib'
import { ATTRIBUTES, body, type Connection, type Peer } from './peer.ts'

const REPLIES = 'amq.rabbitmq.reply-to'

/** amqplib: one confirm channel, a quorum queue, acks in groups of 50, direct reply-to. */
export const rabbitmqPeer = (url: string): Peer => ({
  name: 'amqplib',
  async open(destination): Promise<Connection> {
    const connection = await connect(url, { noDelay: true })
    const publisher = await connection.createConfirmChannel()
    const reader = await connection.createChannel()
    const queue = `raw.${destination}`
    await publisher.assertExchange(queue, 'direct', { durable: true })
    await publisher.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
    await publisher.bindQueue(queue, queue, '')
    const headers = Object.fromEntries(
      Object.entries(ATTRIBUTES).map(([name, value]) => [`cloudEvents_${name}`, value]),
    )
    const options = { persistent: true, mandatory: true, contentType: 'application/json', headers }
    const waiting = new Map<string, (answer: ConsumeMessage) => void>()
    let asked = 0
    return {
      publish: () =>
        new Promise<void>((resolve, reject) =>
          publisher.publish(queue, '', Buffer.from(body()), options, error =>
            error == null ? resolve() : reject(error),
          ),
        ),
      async consume(count) {
        const done = Promise.withResolvers<void>()
        let seen = 0
        await reader.prefetch(4_000)
        const { consumerTag } = await reader.consume(queue, message => {
          if (message === null) return
          JSON.parse(message.content.toString())
          seen++
          if (seen % 50 === 0 || seen === count) reader.ack(message, true)
          if (seen === count) done.resolve()
        })
        await done.promise
        await reader.cancel(consumerTag)
      },
      async respond() {
        const { queue: asks } = await reader.assertQueue(`${queue}.ask`, { autoDelete: true, durable: false })
        await reader.consume(
          asks,
          message => {
            if (message === null) return
            const { replyTo, correlationId } = message.properties
            reader.publish('', replyTo, Buffer.from(JSON.stringify(JSON.parse(message.content.toString()))), {
              correlationId,
            })
          },
          { noAck: true },
        )
        await publisher.consume(
          REPLIES,
          reply => reply !== null && waiting.get(reply.properties.correlationId)?.(reply),
          { noAck: true },
        )
      },
      ask: () =>
        new Promise(resolve => {
          const correlationId = String(++asked)
          waiting.set(correlationId, answer => {
            waiting.delete(correlationId)
            resolve(JSON.parse(answer.content.toString()))
          })
          publisher.publish('', `${queue}.ask`, Buffer.from(body()), {
            ...options,
            persistent: false,
            replyTo: REPLIES,
            correlationId,
          })
        }),
      async close() {
        await publisher.deleteQueue(queue)
        await publisher.deleteExchange(queue)
        await connection.close()
      },
    }
  },
})
