import type { Envelope, ForeignHeader } from '../adapter/envelope.ts'

/**
 * An envelope whose body is JSON that was parsed with the document it came in, so that this need not be done again. A copy
 * by spreading is an ordinary envelope: the value never stands for a body that somebody else put there.
 */
export class ParsedEnvelope implements Envelope {
  readonly attributes: Envelope['attributes']
  readonly body: Uint8Array
  readonly meta: Envelope['meta']
  readonly headers: readonly ForeignHeader[]
  /** Undefined when it has been given away. */
  #value: unknown

  constructor(
    attributes: Envelope['attributes'],
    body: Uint8Array,
    meta: Envelope['meta'],
    headers: readonly ForeignHeader[],
    value: unknown,
  ) {
    this.attributes = attributes
    this.body = body
    this.meta = meta
    this.headers = headers
    this.#value = value
  }

  /** The value, only once, since whoever gets it may change it. Later askers get undefined, and parse the body. */
  takeValue(): unknown {
    const value = this.#value
    this.#value = undefined
    return value
  }
}

/** The same event with other metadata and headers; the original is not to be used any more. */
export function withTransport(
  envelope: Envelope,
  meta: Envelope['meta'],
  headers: readonly ForeignHeader[],
): Envelope {
  const { attributes, body } = envelope
  return envelope instanceof ParsedEnvelope
    ? new ParsedEnvelope(attributes, envelope.body, meta, headers, envelope.takeValue())
    : { attributes, body, meta, headers }
}
