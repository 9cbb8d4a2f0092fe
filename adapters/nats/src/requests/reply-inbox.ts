import { type Delivery, META, type ReplyInbox } from '@busbar/core/adapter'
import { type Msg, nuid } from '@nats-io/nats-core'
import type { Link } from '../link/link.ts'
import { readHeaders } from '../wire/headers.ts'
import { decodeMessage } from '../wire/incoming.ts'

/** An inbox of this process. Each request adds a token of its own to the address, so that refusals find it. */
export async function openReplyInbox(options: {
  readonly link: Link
  readonly namespace: string
  readonly timeout: number
  readonly deliver: (reply: Delivery) => void
  /** Takes what is no reply: the server's word that nobody responds. */
  readonly refused: (message: Msg) => boolean
}): Promise<ReplyInbox> {
  const { link, namespace, deliver, refused, timeout } = options
  const address = namespace + nuid.next()
  const subscription = link.subscribe(`${address}.*`, message => {
    if (refused(message)) return
    const { envelope, raw, decodeError, meta } = decodeMessage(readHeaders(message), message.data)
    const requestId = meta[META.requestId]
    deliver({
      topic: 'reply',
      envelope,
      failures: 0,
      marks: 0,
      redeliveries: 0,
      lane: 'reply',
      ...(raw === undefined ? {} : { raw, decodeError }),
      ...(requestId === undefined ? {} : { requestId }),
    })
  })
  await link.flush(timeout)
  return {
    address,
    async close() {
      try {
        subscription.unsubscribe()
      } catch {
        // The connection is closed: nothing is subscribed any more.
      }
    },
  }
}
