/** What the server says about a delivery in the subject to acknowledge it on. */
export interface DeliveryInfo {
  /** 1 at the first delivery. */
  readonly delivered: number
  readonly streamSequence: number
  /** How many the consumer has handed out, this one included. */
  readonly consumerSequence: number
}

/** `$JS.ACK.<stream>.<consumer>.…`, or with domain and account before the stream. */
export function deliveryInfo(ackSubject: string): DeliveryInfo {
  const tokens = ackSubject.split('.')
  const at = tokens.length > 9 ? 6 : 4
  return {
    delivered: Number(tokens[at] ?? 1),
    streamSequence: Number(tokens[at + 1] ?? 0),
    consumerSequence: Number(tokens[at + 2] ?? 0),
  }
}
