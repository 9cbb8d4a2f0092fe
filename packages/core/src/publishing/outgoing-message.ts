import type { Destination, Outgoing, ReplyAddress } from '../adapter/broker.ts'
import type { Envelope } from '../adapter/envelope.ts'
import { type DedupePurpose, dedupeId } from '../names/index.ts'

/** What a message has beside its envelope and destination. */
export interface OutgoingParts {
  readonly key?: string | undefined
  readonly notBefore?: number | undefined
  readonly expiresAt?: number | undefined
  readonly mustRoute?: boolean | undefined
  readonly replyTo?: ReplyAddress | undefined
  readonly requestId?: string | undefined
}

/** One message on its way to the adapter. A class, so that all have one shape and the dedupe id is made only if asked for. */
export class OutgoingMessage implements Outgoing {
  readonly to: Destination
  readonly envelope: Envelope
  declare readonly key?: string
  declare readonly notBefore?: number
  declare readonly expiresAt?: number
  declare readonly mustRoute?: boolean
  declare readonly replyTo?: ReplyAddress
  declare readonly requestId?: string
  readonly #purpose: DedupePurpose
  #dedupeId: string | undefined

  constructor(to: Destination, envelope: Envelope, parts: OutgoingParts, purpose: DedupePurpose) {
    this.to = to
    this.envelope = envelope
    const self = this as { -readonly [K in keyof OutgoingParts]: OutgoingParts[K] }
    self.key = parts.key
    self.notBefore = parts.notBefore
    self.expiresAt = parts.expiresAt
    self.mustRoute = parts.mustRoute
    self.replyTo = parts.replyTo
    self.requestId = parts.requestId
    this.#purpose = purpose
  }

  /** Hashed at its first use: an adapter without deduplication never pays for it. Requests and replies are sent once, and have none. */
  get dedupeId(): string | undefined {
    if (this.to.kind === 'request' || this.to.kind === 'reply') return undefined
    if (this.#dedupeId === undefined) {
      const { attributes } = this.envelope
      const where = this.to.kind === 'inbox' ? `${this.to.topic} ${this.to.group}` : this.to.topic
      this.#dedupeId = dedupeId(where, attributes.source ?? '', attributes.id ?? '', this.#purpose)
    }
    return this.#dedupeId
  }
}
