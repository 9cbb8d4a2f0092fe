import { BusError, META } from '@busbar/core/adapter'
import type { Msg } from '@nats-io/nats-core'
import { type ApiError, connectionLost, refusal } from '../errors.ts'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import { countOf } from '../wire/incoming.ts'

/** What a group knows of one message beyond the message itself, which stays where it is through all its retries. */
export interface AttemptRecord {
  readonly failures: number
  readonly marks: number
  /** Replaces the event's metadata. */
  readonly meta?: Readonly<Record<string, string>>
  /** Milliseconds since the epoch. */
  readonly notBefore?: number
  /** The server's delivery count when this was written: those deliveries have their outcome, or are in `redeliveries`. */
  readonly delivered: number
  /** Deliveries among those without an outcome. */
  readonly redeliveries: number
}

/** A record and its place, to remove it when the message is settled. */
export interface StoredRecord {
  readonly record: AttemptRecord
  readonly sequence: number
}

interface StoredMessage {
  readonly message: { readonly seq: number; readonly data?: string }
}

/**
 * Attempt records of one group: one subject for each message, of which the stream keeps the last. A delayed nak says
 * nothing but when; the rest is written here, and confirmed, before it.
 */
export class AttemptRecords {
  readonly #api: JetStreamApi
  readonly #names: Names
  readonly #consumer: string

  constructor(api: JetStreamApi, names: Names, consumer: string) {
    this.#api = api
    this.#names = names
    this.#consumer = consumer
  }

  /** Resolves to the record's sequence when it is stored. */
  async write(sequence: number, record: AttemptRecord): Promise<number> {
    const subject = this.#names.stateSubject(this.#consumer, sequence)
    const answer = await this.#api.link.call(subject, JSON.stringify(record), this.#api.timeout)
    return publishAck(answer, subject).seq
  }

  /** Without a confirmation: should it be lost, the delivery counts as one without an outcome. */
  note(sequence: number, record: AttemptRecord): void {
    this.#api.link.publish(this.#names.stateSubject(this.#consumer, sequence), JSON.stringify(record))
  }

  async read(sequence: number): Promise<StoredRecord | undefined> {
    const found = await this.#api.find<StoredMessage>(`STREAM.MSG.GET.${this.#names.stateStream}`, {
      last_by_subj: this.#names.stateSubject(this.#consumer, sequence),
    })
    if (found === undefined) return undefined
    const { seq, data } = found.message
    return { sequence: seq, record: parseRecord(Buffer.from(data ?? '', 'base64').toString()) }
  }

  /** Not awaited: what is left behind does no harm, and no message comes again by this name. */
  remove(recordSequence: number): void {
    this.#api
      .find(`STREAM.MSG.DELETE.${this.#names.stateStream}`, { seq: recordSequence, no_erase: true })
      .catch(() => {})
  }
}

/** A record may have been written by a stranger, or by a later version: what does not fit counts as absent. */
export function parseRecord(text: string): AttemptRecord {
  let value: Partial<Record<keyof AttemptRecord, unknown>>
  try {
    value = JSON.parse(text)
  } catch {
    value = {}
  }
  const count = (name: keyof AttemptRecord) => countOf(String(value?.[name] ?? ''))
  const { meta, notBefore } = value ?? {}
  return {
    failures: count('failures'),
    marks: count('marks'),
    delivered: count('delivered'),
    redeliveries: count('redeliveries'),
    ...(typeof meta === 'object' && meta !== null ? { meta: metaOf(meta) } : {}),
    ...(typeof notBefore === 'number' ? { notBefore } : {}),
  }
}

const KEYS: ReadonlySet<string> = new Set(Object.values(META))

function metaOf(value: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).filter(([name, text]) => KEYS.has(name) && typeof text === 'string'),
  ) as Record<string, string>
}

export interface PublishAck {
  readonly stream: string
  readonly seq: number
  readonly duplicate?: boolean
}

/** @throws BusError for what the server refused. */
export function publishAck(message: Msg, what: string): PublishAck {
  if (message.data.length === 0) {
    throw message.headers?.code === 503
      ? new BusError('TOPOLOGY_MISSING', `${what}: no stream takes it`, {
          retryable: true,
          remedy: "declare the topic: topology 'declare' does, at its first use",
        })
      : connectionLost()
  }
  const answer = JSON.parse(message.string()) as PublishAck & { error?: ApiError }
  if (answer.error !== undefined) throw refusal(answer.error, what)
  return answer
}
