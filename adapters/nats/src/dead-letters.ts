import type { DeadItem, DeadLetterQuery, DeadLetterSession, SettlementResult } from '@busbar/core/adapter'
import { isBusError, META } from '@busbar/core/adapter'
import { type ApiError, ERR } from './errors.ts'
import type { JetStreamApi } from './link/api.ts'
import type { Names } from './names.ts'
import { parseHeaders } from './wire/headers.ts'
import { decodeMessage } from './wire/incoming.ts'

interface StoredMessage {
  readonly message: { readonly seq: number; readonly hdrs?: string; readonly data?: string }
}

const DONE: SettlementResult = { status: 'done' }

/** One group's dead letters: a subject in the topic's dead-letter stream, read by sequence and removed one by one. */
export class DeadLetterStore {
  readonly #api: JetStreamApi
  readonly #names: Names

  constructor(api: JetStreamApi, names: Names) {
    this.#api = api
    this.#names = names
  }

  async count(query: DeadLetterQuery): Promise<number> {
    const subject = this.#subject(query)
    const info = await this.#api.call<{ state: { subjects?: Record<string, number> } }>(
      `STREAM.INFO.${this.#stream(query)}`,
      { subjects_filter: subject },
    )
    return info.state.subjects?.[subject] ?? 0
  }

  async purge(query: DeadLetterQuery): Promise<number> {
    const answer = await this.#api.call<{ purged: number }>(`STREAM.PURGE.${this.#stream(query)}`, {
      filter: this.#subject(query),
    })
    return answer.purged
  }

  async open(query: DeadLetterQuery): Promise<DeadLetterSession> {
    const stream = this.#stream(query)
    const subject = this.#subject(query)
    const info = await this.#api.call<{ state: { last_seq: number } }>(`STREAM.INFO.${stream}`)
    const end = info.state.last_seq
    let at = 1
    return {
      next: async count => {
        const items: DeadItem[] = []
        while (items.length < count && at <= end) {
          const found = await this.#read(stream, subject, at)
          if (found === undefined || found.message.seq > end) {
            at = end + 1
            break
          }
          at = found.message.seq + 1
          items.push(deadItem(found, query.topic))
        }
        return items
      },
      remove: items => Promise.all(items.map(({ id }) => this.#remove(stream, Number(id)))),
      async [Symbol.asyncDispose]() {},
    }
  }

  #read(stream: string, subject: string, sequence: number): Promise<StoredMessage | undefined> {
    return this.#api.find<StoredMessage>(`STREAM.MSG.GET.${stream}`, { seq: sequence, next_by_subj: subject })
  }

  async #remove(stream: string, sequence: number): Promise<SettlementResult> {
    try {
      await this.#api.call(`STREAM.MSG.DELETE.${stream}`, { seq: sequence, no_erase: true })
      return DONE
    } catch (error) {
      const cause = (error as { cause?: ApiError }).cause
      // The server says that there is no such message in two ways.
      const gone = cause?.err_code === ERR.noMessage || cause?.err_code === 10057 || cause?.code === 404
      if (gone) return { status: 'lost', copied: false }
      return { status: 'failed', error, retryable: isBusError(error) && error.retryable, copy: 'none' }
    }
  }

  #stream({ topic }: DeadLetterQuery): string {
    return this.#names.deadStream(topic)
  }

  #subject({ topic, group }: DeadLetterQuery): string {
    return this.#names.deadSubject(topic, group)
  }
}

function deadItem({ message }: StoredMessage, topic: string): DeadItem {
  const headers = parseHeaders(Buffer.from(message.hdrs ?? '', 'base64').toString())
  const body = new Uint8Array(Buffer.from(message.data ?? '', 'base64'))
  const { envelope, raw, meta } = decodeMessage(headers, body)
  const key = meta[META.key]
  return {
    id: String(message.seq),
    topic: meta[META.topic] ?? topic,
    envelope,
    meta,
    ...(key === undefined ? {} : { key }),
    ...(raw === undefined ? {} : { raw }),
  }
}
