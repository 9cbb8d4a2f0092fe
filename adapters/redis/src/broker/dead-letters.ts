import type { Buffer } from 'node:buffer'
import { type DeadItem, type DeadLetterSession, META, type SettlementResult } from '@busbar/core/adapter'
import { callError, type Link } from '../connection/link.ts'
import { withoutTransport } from '../consuming/redis-delivery.ts'
import type { RawEntry } from '../consuming/replies.ts'
import { readEntry } from '../wire/entry.ts'

/** A walk over a stream of dead letters, up to the last one that was there when it was opened. */
export async function openDeadLetters(link: Link, topic: string, stream: string): Promise<DeadLetterSession> {
  const call = (command: string, args: readonly string[]) =>
    link
      .patiently(() => link.call(command, args))
      .catch((error: unknown) => {
        throw callError(error)
      })
  const last = (await call('XREVRANGE', [stream, '+', '-', 'COUNT', '1'])) as RawEntry[]
  const end = last[0] === undefined ? undefined : String(last[0][0])
  let after = '-'
  return {
    async next(count) {
      if (end === undefined) return []
      const entries = (await call('XRANGE', [stream, after, end, 'COUNT', String(count)])) as RawEntry[]
      const id = entries.at(-1)?.[0]
      if (id !== undefined) after = `(${String(id)}`
      return entries.map(([entryId, fields]) => itemOf(topic, String(entryId), fields ?? []))
    },
    async remove(items) {
      const removed = await Promise.all(items.map(({ id }) => call('XDEL', [stream, id])))
      return removed.map(
        (count): SettlementResult =>
          Number(count) === 1 ? { status: 'done' } : { status: 'lost', copied: false },
      )
    },
    async [Symbol.asyncDispose]() {},
  }
}

function itemOf(topic: string, id: string, fields: readonly Buffer[]): DeadItem {
  const { envelope, raw, key, meta } = readEntry(fields)
  return {
    id,
    topic,
    envelope: envelope === null ? null : { ...envelope, meta: withoutTransport(meta) },
    meta: key === undefined ? meta : { ...meta, [META.key]: key },
    ...(key === undefined ? {} : { key }),
    ...(raw === undefined ? {} : { raw }),
  }
}
