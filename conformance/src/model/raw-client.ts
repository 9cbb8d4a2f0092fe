/** A message as an independent client sees it on the wire. */
export interface RawWireMessage {
  readonly headers: Readonly<Record<string, string>>
  readonly contentType?: string
  readonly body: Uint8Array | null
}

/**
 * The broker's plain client, without Busbar: what it reads is what other systems read, and what it writes is what they write.
 * A harness without one (the embedded broker has no wire) leaves it out.
 */
export interface RawClient {
  send(topic: string, message: RawWireMessage): Promise<void>
  /** Resolves once the next message that is published to the topic will be heard. */
  listen(topic: string): Promise<RawListener>
}

export interface RawListener {
  /** The first message since, as it is on the wire. */
  readonly first: Promise<RawWireMessage>
}
