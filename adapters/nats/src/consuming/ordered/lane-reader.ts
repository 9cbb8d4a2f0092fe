import type { Msg } from '@nats-io/nats-core'
import type { JetStreamApi } from '../../link/api.ts'
import { type ConsumerConfig, type ConsumerInfo, LANE_CONSUMER } from '../../topology/config.ts'
import { deliveryInfo } from '../../wire/ack-subject.ts'
import { Pulls } from '../pulls.ts'
import type { Lane } from './lane.ts'

export interface LaneReaderOptions {
  readonly api: JetStreamApi
  readonly stream: string
  readonly lane: Lane
  readonly inboxPrefix: string
  /** In the order of the stream, each once. */
  readonly message: (message: Msg, sequence: number) => void
  /** How many more may come now. */
  readonly room: () => number
  /** It cannot be read any more. */
  readonly failed: (error: unknown) => void
}

/**
 * Reads a lane from a position on, in order and without gaps. Its consumer is only a cursor: nothing is acknowledged, so
 * nothing comes again behind its successors; what got lost on the way shows in the consumer's count, and is read again.
 */
export class LaneReader {
  readonly #o: LaneReaderOptions
  readonly #pulls: Pulls
  /** The last message that was read. */
  #after = 0
  /** The consumer's count of it. */
  #count = 0
  #starting = false
  #stopped = false

  constructor(options: LaneReaderOptions) {
    this.#o = options
    const place = { stream: options.stream, consumer: options.lane.consumer }
    this.#pulls = new Pulls(options.api.link, place, options.inboxPrefix, {
      message: message => this.#received(message),
      idle: () => this.pump(),
      broken: () => void this.restart(),
    })
  }

  async start(after: number): Promise<void> {
    this.#after = after
    await this.restart()
  }

  /** Goes on behind what was read: after a reconnect, a gap, or the loss of its consumer. */
  async restart(): Promise<void> {
    if (this.#starting || this.#stopped) return
    const { api, stream, lane, failed } = this.#o
    this.#starting = true
    this.#pulls.reset()
    try {
      await api.find(`CONSUMER.DELETE.${stream}.${lane.consumer}`)
      const config: ConsumerConfig = {
        ...LANE_CONSUMER,
        durable_name: lane.consumer,
        name: lane.consumer,
        filter_subject: lane.subject,
        deliver_policy: 'by_start_sequence',
        opt_start_seq: this.#after + 1,
      }
      await api.call<ConsumerInfo>(`CONSUMER.CREATE.${stream}.${lane.consumer}.${lane.subject}`, {
        stream_name: stream,
        config,
      })
      this.#count = 0
      this.#starting = false
      this.pump()
    } catch (error) {
      this.#starting = false
      if (!this.#stopped) failed(error)
    }
  }

  pump(): void {
    if (this.#starting || this.#stopped || this.#o.api.link.state !== 'live') return
    const room = this.#o.room() - this.#pulls.outstanding
    if (room > 0 && (this.#pulls.outstanding === 0 || room >= this.#pulls.outstanding)) this.#pulls.ask(room)
  }

  /** The link is gone, and what was asked for with it. */
  reset(): void {
    this.#pulls.reset()
  }

  stop(): void {
    this.#stopped = true
    this.#pulls.reset()
  }

  #received(message: Msg): void {
    if (this.#starting || this.#stopped) return
    const { consumerSequence, streamSequence } = deliveryInfo(message.reply ?? '')
    if (consumerSequence !== this.#count + 1) {
      void this.restart()
      return
    }
    this.#count = consumerSequence
    this.#after = streamSequence
    this.#o.message(message, streamSequence)
    this.pump()
  }
}
