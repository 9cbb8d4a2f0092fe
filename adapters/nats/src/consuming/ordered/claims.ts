import type { JetStreamApi } from '../../link/api.ts'
import type { Names } from '../../names.ts'
import { encodeHeaders } from '../../wire/headers.ts'
import { publishAck } from '../records.ts'

/** A member that went without a word: what the server had handed to it may have been started. */
export interface Crash {
  /** The last message of the lane that it had been given. */
  readonly read: number
  /** The last message of the stream. */
  readonly stored: number
}

/** How far a lane is, and whose it is. Everything up to `top` is settled, except `open`. */
export interface LaneState {
  /** Empty: given up by its owner. */
  readonly owner: string
  readonly top: number
  readonly open: readonly number[]
  readonly crashes: readonly Crash[]
  /** Read beyond `top`, for numbers alone. */
  readonly ahead: number
}

export interface StoredClaim {
  readonly state: LaneState
  readonly sequence: number
  /** By the server's clock, in milliseconds since the epoch. */
  readonly at: number
}

interface StoredMessage {
  readonly message: { readonly seq: number; readonly data?: string; readonly time: string }
}

/** The server's word that the claim has been written since. */
const WRONG_LAST_SEQUENCE = new Set([10071, 10164])

/**
 * Claims of one group: the last message of one subject per lane, replaced only by who has seen it. The position is in
 * the same message, so a member that lost its claim cannot move it: its next write is refused.
 */
export class Claims {
  readonly #api: JetStreamApi
  readonly #names: Names
  readonly #durable: string

  constructor(api: JetStreamApi, names: Names, durable: string) {
    this.#api = api
    this.#names = names
    this.#durable = durable
  }

  async read(lane: string): Promise<StoredClaim | undefined> {
    const found = await this.#api.find<StoredMessage>(`STREAM.MSG.GET.${this.#names.stateStream}`, {
      last_by_subj: this.#names.claimSubject(this.#durable, lane),
    })
    if (found === undefined) return undefined
    const { seq, data, time } = found.message
    return {
      state: parseState(Buffer.from(data ?? '', 'base64').toString()),
      sequence: seq,
      at: Date.parse(time),
    }
  }

  /**
   * @param expected the sequence of what it replaces; 0: there is none.
   * @returns its sequence. Rejects with what {@link isOvertaken} recognises when somebody was faster.
   */
  async write(lane: string, state: LaneState, expected: number, timeout: number): Promise<number> {
    const subject = this.#names.claimSubject(this.#durable, lane)
    const headers = encodeHeaders([], [['Nats-Expected-Last-Subject-Sequence', String(expected)]])
    const answer = await this.#api.link.call(subject, JSON.stringify(state), timeout, headers)
    return publishAck(answer, subject).seq
  }

  /** The clock that claims are stamped with: whether one is over must not depend on ours. */
  async serverNow(): Promise<number> {
    const { ts } = await this.#api.call<{ ts: string }>(`STREAM.INFO.${this.#names.stateStream}`)
    return Date.parse(ts)
  }
}

export const isOvertaken = (error: unknown): boolean =>
  WRONG_LAST_SEQUENCE.has((error as { cause?: { err_code?: number } }).cause?.err_code ?? 0)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** A claim may have been written by a stranger: what does not fit counts as absent. */
export function parseState(text: string): LaneState {
  let value: Partial<Record<keyof LaneState, unknown>> | null
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  const { owner, top, open, crashes, ahead } = value ?? {}
  return {
    owner: typeof owner === 'string' ? owner : '',
    top: isCount(top) ? top : 0,
    open: Array.isArray(open) ? open.filter(isCount) : [],
    crashes: Array.isArray(crashes)
      ? crashes.filter(crash => isCount(crash?.read) && isCount(crash?.stored))
      : [],
    ahead: isCount(ahead) ? ahead : 0,
  }
}
