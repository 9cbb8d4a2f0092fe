import { Buffer } from 'node:buffer'
import { type Delivery, type Envelope, META, type RawMessage } from '@busbar/core/adapter'
import { readEntry } from '../wire/entry.ts'
import { readFrame } from '../wire/frame.ts'
import { withoutTransport } from './redis-delivery.ts'

/** A request or a reply: nothing at the server is left of it once it was read. */
export class FrameDelivery implements Delivery {
  readonly topic: string
  readonly key?: string
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  readonly failures = 0
  readonly marks = 0
  readonly redeliveries = 0
  readonly lane: string
  readonly replyTo?: string
  readonly requestId?: string
  /** What was read, to give it back. */
  readonly frame: Buffer

  constructor(topic: string, frame: Buffer) {
    this.topic = topic
    this.lane = topic
    this.frame = frame
    const entry = readEntry(readFrame(frame) ?? [Buffer.from('body'), frame])
    const requestId = entry.meta[META.requestId]
    const replyTo = entry.meta[META.replyTo]
    if (entry.key !== undefined) this.key = entry.key
    if (requestId !== undefined) this.requestId = requestId
    if (replyTo !== undefined) this.replyTo = replyTo
    if (entry.envelope === null) {
      this.envelope = null
      if (entry.raw !== undefined) this.raw = entry.raw
      this.decodeError = entry.decodeError
    } else this.envelope = { ...entry.envelope, meta: withoutTransport(entry.meta) }
  }
}
