import type { JetStreamApi } from '../../link/api.ts'
import { parseHeaders } from '../../wire/headers.ts'
import type { StreamMessage } from '../read-delivery.ts'

export interface Found extends StreamMessage {
  readonly sequence: number
}

interface Answer {
  readonly message: { readonly seq: number; readonly hdrs?: string; readonly data?: string }
}

/** Single messages of a stream, from its leader: a replica may not have it yet, and absent must mean gone. */
export class StoredMessages {
  readonly #api: JetStreamApi
  readonly #stream: string

  constructor(api: JetStreamApi, stream: string) {
    this.#api = api
    this.#stream = stream
  }

  /** Undefined: the stream has dropped it. */
  at(sequence: number): Promise<Found | undefined> {
    return this.#get({ seq: sequence })
  }

  /** The first one of a subject from `sequence` on. */
  next(subject: string, sequence: number): Promise<Found | undefined> {
    return this.#get({ seq: sequence, next_by_subj: subject })
  }

  async remove(sequence: number): Promise<void> {
    await this.#api.find(`STREAM.MSG.DELETE.${this.#stream}`, { seq: sequence, no_erase: true })
  }

  async #get(query: object): Promise<Found | undefined> {
    const found = await this.#api.find<Answer>(`STREAM.MSG.GET.${this.#stream}`, query)
    if (found === undefined) return undefined
    const { seq, hdrs, data } = found.message
    return {
      sequence: seq,
      headers: parseHeaders(Buffer.from(hdrs ?? '', 'base64').toString()),
      body: new Uint8Array(Buffer.from(data ?? '', 'base64')),
    }
  }
}
