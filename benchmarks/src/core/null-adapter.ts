import {
  type Adapter,
  type Broker,
  CAPABILITIES_VERSION,
  CAPABILITY_IDS,
  type Capabilities,
  type Delivery,
  NATIVE,
  type Outgoing,
  type PublishResult,
  type Settlement,
  type Sink,
} from '@busbar/core/adapter'

const capabilities: Capabilities = {
  version: CAPABILITIES_VERSION,
  of: Object.fromEntries(CAPABILITY_IDS.map(id => [id, NATIVE])) as Capabilities['of'],
}

const CONFIRMED: PublishResult = { status: 'confirmed' }
const DONE = { status: 'done' } as const

/**
 * A broker that does nothing: it confirms at once, hands out what it is given, and hands requests to their responder and
 * replies to their requester. What is left is core's own time.
 */
export interface NullSource {
  readonly adapter: Adapter
  /** Hands all of them out, as fast as the window lets them through; resolves when the last one is settled. */
  deliver(deliveries: readonly Delivery[]): Promise<void>
}

const delivered = ({ to, envelope, replyTo, requestId }: Outgoing): Delivery => ({
  topic: to.kind === 'reply' ? to.address : to.topic,
  envelope,
  failures: 0,
  marks: 0,
  redeliveries: 0,
  lane: '0',
  ...(replyTo === undefined ? {} : { replyTo }),
  ...(requestId === undefined ? {} : { requestId }),
})

export function nullSource(): NullSource {
  let sink: Sink | undefined
  let onReply: (reply: Delivery) => void = () => {}
  let window = 0
  let unsettled = 0
  let next = 0
  let source: readonly Delivery[] = []
  let finished = () => {}

  const fill = () => {
    const room = Math.min(window - unsettled, source.length - next)
    if (room <= 0) return
    unsettled += room
    next += room
    sink?.deliver(source.slice(next - room, next))
  }
  const settle = (batch: readonly Settlement[]) => {
    unsettled -= batch.length
    sink?.settled(batch, DONE)
    if (unsettled === 0 && next === source.length) finished()
    else fill()
  }
  const broker: Broker = {
    capabilities,
    server: 'null',
    limits: { batchesInFlight: 8, batchSize: 1_000, batchBytes: 2 ** 24, messageBytes: 2 ** 20 },
    sizeOf: message => message.envelope.body?.byteLength ?? 0,
    publish(batch) {
      const requests = batch.filter(({ to }) => to.kind === 'request')
      if (requests.length > 0) queueMicrotask(() => sink?.deliver(requests.map(delivered)))
      const replies = batch.filter(({ to }) => to.kind === 'reply')
      if (replies.length > 0) queueMicrotask(() => replies.map(delivered).forEach(onReply))
      return Promise.resolve(batch.map(() => CONFIRMED))
    },
    replies: async deliver => {
      onReply = deliver
      return { address: 'null', close: async () => {} }
    },
    acceptsReplyTo: address => address === 'null',
    async subscribe(_, sinkOn) {
      const subscription = {
        window(size: number) {
          window = size
          fill()
        },
        // A broker's answer never comes within the call.
        settle: (batch: readonly Settlement[]) => queueMicrotask(() => settle(batch)),
        mark: async () => {},
        extend: async () => [],
        flush: async () => {},
        stop: async () => {},
        close: async () => {},
      }
      sink = sinkOn(subscription)
      return subscription
    },
    topology: async () => [],
    stats: async () => ({ exact: true }),
    deadLetters: {
      open: () => Promise.reject(new Error('the null broker stores nothing')),
      purge: async () => 0,
    },
    close: async () => {},
  }
  return {
    adapter: { name: 'null', capabilities, connect: async () => broker },
    deliver(deliveries) {
      source = deliveries
      next = 0
      return new Promise(resolve => {
        finished = resolve
        fill()
      })
    },
  }
}
