import type { Outgoing, PublishResult } from '../adapter/broker.ts'
import type { BusError } from '../errors/bus-error.ts'
import type { PublishReceipt } from './publish.ts'
import type { EnqueueOptions } from './publish-queue.ts'

/** One publish from its enqueueing until its promise settles. */
export class PublishEntry {
  readonly outgoing: Outgoing
  readonly id: string
  readonly size: number
  /** Names the key within which order counts; undefined when it does not. */
  readonly lane: string | undefined
  readonly once: boolean
  /** Milliseconds since the epoch. */
  readonly deadline: number
  readonly resolve: (receipt: PublishReceipt) => void
  readonly reject: (error: BusError) => void
  /** Counts against the bounds. */
  admitted = false
  /** Has been handed to the adapter at least once. */
  sent = false
  /** Its promise is settled; what the broker still says of it is ignored. */
  done = false
  /** In the adapter's hands right now. */
  onWire = false
  /** One of its tries may have been stored. */
  unsure = false
  /** Counted as active by `OrderedKeys`. */
  keyed = false
  /** Rises with age; set by the queue. */
  order = 0
  tries = 0
  /** What came of the last try. */
  last: PublishResult | undefined
  unwatch: (() => void) | undefined

  constructor(
    outgoing: Outgoing,
    id: string,
    size: number,
    options: EnqueueOptions,
    deadline: number,
    resolve: (receipt: PublishReceipt) => void,
    reject: (error: BusError) => void,
  ) {
    this.outgoing = outgoing
    this.id = id
    this.size = size
    this.lane = options.ordered ? laneOf(outgoing) : undefined
    this.once = options.once
    this.deadline = deadline
    this.resolve = resolve
    this.reject = reject
  }
}

/** A redrive and a publish of one key are ordered among themselves only: they go to different places. */
const laneOf = ({ to, key }: Outgoing): string => {
  const place = to.kind === 'reply' ? to.address : to.topic
  return `${to.kind} ${place} ${to.kind === 'inbox' ? to.group : ''} ${key ?? ''}`
}
