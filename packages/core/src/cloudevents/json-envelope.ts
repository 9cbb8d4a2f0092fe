import type { Envelope, ForeignHeader } from '../adapter/envelope.ts'

/**
 * An envelope whose body is one JSON text in UTF-8 that core itself has written or parsed: it goes into a document
 * unchecked, and the value that reading the document made of it is not made again. A copy by spreading is an ordinary
 * envelope, so a body that somebody puts into one is looked at like any other.
 */
export class JsonEnvelope implements Envelope {
  readonly attributes: Envelope['attributes']
  readonly body: Uint8Array
  readonly meta: Envelope['meta']
  readonly headers: readonly ForeignHeader[]
  /** Undefined when it was not parsed, or has been given away. */
  #value: unknown

  constructor(
    attributes: Envelope['attributes'],
    body: Uint8Array,
    meta: Envelope['meta'],
    headers: readonly ForeignHeader[],
    value?: unknown,
  ) {
    this.attributes = attributes
    this.body = body
    this.meta = meta
    this.headers = headers
    this.#value = value
  }

  /**
   * The parsed value of the body, if there is one: only once, since whoever gets it may change it. Later askers parse
   * the body.
   */
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
  return envelope instanceof JsonEnvelope
    ? new JsonEnvelope(attributes, envelope.body, meta, headers, envelope.takeValue())
    : { attributes, body, meta, headers }
}
