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
  /** The next messages of a topic as they are on the wire. */
  receive(topic: string, count: number): Promise<readonly RawWireMessage[]>
}
