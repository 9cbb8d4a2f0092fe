import type { Buffer } from 'node:buffer'
import type { Delivery, ReplyInbox } from '@busbar/core/adapter'
import type { Link } from '../connection/link.ts'
import { FrameDelivery } from '../consuming/frame-delivery.ts'
import type { OpenLink } from './broker.ts'
import type { LinkStates } from './link-states.ts'

const NAME = 'replies'

export interface RepliesOptions {
  readonly openLink: OpenLink
  readonly states: LinkStates
  /** This process's own. */
  readonly channel: string
  readonly deliver: (reply: Delivery) => void
  readonly onError: (error: unknown, where: string) => void
}

/** A channel of this process's own; subscribed to on a connection of its own, again on each reconnect. */
export async function openReplies(o: RepliesOptions): Promise<{ inbox: ReplyInbox; link: Link }> {
  const { channel, states } = o
  const link = o.openLink(
    {
      onUp: () => states.up(NAME),
      onDown: cause => {
        if (link.state !== 'closed') states.down(NAME, cause)
      },
    },
    NAME,
    {
      async onConnected(client) {
        client.on('messageBuffer', (name: Buffer, message: Buffer) => {
          if (String(name) !== channel) return
          try {
            o.deliver(new FrameDelivery('', message))
          } catch (error) {
            o.onError(error, 'reply')
          }
        })
        await client.subscribe(channel)
      },
    },
  )
  await link.connect()
  const close = async () => {
    await link.close()
    states.forget(NAME)
  }
  return { link, inbox: { address: channel, close } }
}
