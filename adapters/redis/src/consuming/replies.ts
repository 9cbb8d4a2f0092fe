import type { Buffer } from 'node:buffer'
import { RedisDelivery, type StreamIndex } from './redis-delivery.ts'

/** A reply of strings. */
export const texts = (reply: unknown): string[] => (reply as Buffer[]).map(String)

export type RawEntry = readonly [id: Buffer, fields: Buffer[] | null]

/** What XREAD and XREADGROUP answer: streams with entries; null when the time was up. */
export type StreamReply = readonly (readonly [name: Buffer, entries: readonly RawEntry[]])[] | null

/** What RECLAIM and FETCH answer. */
export type ScriptEntry = readonly [
  stream: number,
  id: Buffer,
  deliveries: number,
  marks: Buffer,
  fields: Buffer[],
]

export const fromScript = (
  topic: string,
  [stream, id, deliveries, marks, fields]: ScriptEntry,
): RedisDelivery =>
  new RedisDelivery(topic, Number(stream) as StreamIndex, String(id), fields, {
    deliveries: Number(deliveries),
    marks: Number(String(marks)),
  })
