import { createHash } from 'node:crypto'
import type { ConsumeMessage } from 'amqplib'

/**
 * What a message is known by when it comes again: RabbitMQ shows no position in a queue. Every publish of ours has an id of its own;
 * another system's message without one is known by what it says.
 */
export function identityOf({ properties, content }: ConsumeMessage): string {
  const { messageId, headers } = properties
  if (typeof messageId === 'string' && messageId !== '') return messageId
  const { 'x-delivery-count': _, 'x-acquired-count': __, ...own } = headers ?? {}
  return createHash('sha256').update(JSON.stringify(own)).update('\n').update(content).digest('base64url')
}
