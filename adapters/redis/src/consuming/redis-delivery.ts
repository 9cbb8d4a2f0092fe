import type { Buffer } from 'node:buffer'
import { type Delivery, type Envelope, META, type RawMessage } from '@busbar/core/adapter'
import { count, readEntry } from '../wire/entry.ts'

/** Which of a group's two streams an entry is in: 1 the topic's, 2 the group's inbox. */
export type StreamIndex = 1 | 2

/** One entry as core gets it, with what it takes to settle it. */
export class RedisDelivery implements Delivery {
  readonly topic: string
  readonly key?: string
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  readonly failures: number
  readonly marks: number
  readonly redeliveries: number
  readonly sequence: number
  readonly lane: string
  readonly notBefore?: number
  readonly position: string
  readonly stream: StreamIndex
  readonly id: string
  readonly structured: boolean
  /** Busbar's metadata as it is stored, whether or not there is an envelope. */
  readonly meta: Readonly<Record<string, string>>
  /** Settled once, and the answer was lost: `lost` at the next try means that it had been done. */
  uncertain = false
  /** When the lease began, by our clock. */
  leasedAt = 0

  constructor(
    topic: string,
    stream: StreamIndex,
    id: string,
    fields: readonly Buffer[],
    more: {
      readonly deliveries?: number
      readonly marks?: number
      readonly meta?: Readonly<Record<string, string>>
    } = {},
  ) {
    const entry = readEntry(fields)
    const meta = more.meta ?? entry.meta
    this.meta = withoutTransport(meta)
    this.topic = topic
    this.stream = stream
    this.id = id
    this.structured = entry.structured
    this.lane = topic
    this.position = entry.position ?? (stream === 1 ? id : `inbox:${id}`)
    this.sequence = sequenceOf(entry.position ?? id)
    this.failures = count(meta[META.failures])
    this.marks = (more.marks ?? 0) + count(meta[META.marks])
    this.redeliveries = entry.redelivered + Math.max(0, (more.deliveries ?? 1) - 1)
    if (entry.key !== undefined) this.key = entry.key
    const notBefore = Number(meta[META.notBefore])
    if (meta[META.notBefore] !== undefined && Number.isSafeInteger(notBefore)) this.notBefore = notBefore
    if (entry.envelope === null) {
      this.envelope = null
      if (entry.raw !== undefined) this.raw = entry.raw
      this.decodeError = entry.decodeError
    } else {
      const { envelope } = entry
      this.envelope = this.meta === envelope.meta ? envelope : { ...envelope, meta: this.meta }
    }
  }

  /** Names the entry within its group, as the scripts do. */
  get ref(): string {
    return this.stream + this.id
  }
}

/** What has a field of its own on a delivery. */
const TRANSPORT: ReadonlySet<string> = new Set([
  META.notBefore,
  META.marks,
  META.requestId,
  META.replyTo,
  META.key,
])

/** The same object, when there is nothing to leave out. */
export function withoutTransport(meta: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = Object.keys(meta)
  if (!names.some(name => TRANSPORT.has(name))) return meta
  const own: Record<string, string> = {}
  for (const name of names) if (!TRANSPORT.has(name)) own[name] = meta[name] as string
  return own
}

const EPOCH = Date.UTC(2020, 0)

/** An entry's id as a number: 15 bits for its place within the millisecond leave enough until the year 2028 and beyond. */
export function sequenceOf(id: string): number {
  const dash = id.indexOf('-')
  return (Number(id.slice(0, dash)) - EPOCH) * 32_768 + Math.min(Number(id.slice(dash + 1)), 32_767)
}
