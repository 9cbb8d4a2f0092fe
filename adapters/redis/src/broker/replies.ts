import type { Buffer } from 'node:buffer'
import type { Delivery, ReplyInbox } from '@busbar/core/adapter'
import { FrameDelivery } from '../consuming/responder.ts'
import type { OpenLink } from './broker.ts'

/** A channel of this process's own; subscribed to on a connection of its own, again on each reconnect. */
export async function openReplies(
  openLink: OpenLink,
  channel: string,
  deliver: (reply: Delivery) => void,
  onError: (error: unknown, where: string) => void,
): Promise<ReplyInbox> {
  const link = openLink({ onUp() {}, onDown() {} }, 'replies', {
    async onConnected(client) {
      client.on('messageBuffer', (name: Buffer, message: Buffer) => {
        if (String(name) !== channel) return
        try {
          deliver(new FrameDelivery('', message))
        } catch (error) {
          onError(error, 'reply')
        }
      })
      await client.subscribe(channel)
    },
  })
  await link.connect()
  return {
    address: channel,
    async close() {
      await link.close()
    },
  }
}
