/** What the server says about a delivery in the subject to acknowledge it on. */
export interface DeliveryInfo {
  /** 1 at the first delivery. */
  readonly delivered: number
  readonly streamSequence: number
  /** How many the consumer has handed out, this one included. */
  readonly consumerSequence: number
}

/** `$JS.ACK.<stream>.<consumer>.…`, or with domain and account before the stream. Read for each message, so without a list of tokens. */
export function deliveryInfo(ackSubject: string): DeliveryInfo {
  let dots = 0
  for (let i = 0; i < ackSubject.length; i++) if (ackSubject.charCodeAt(i) === DOT) dots++
  let at = -1
  for (let skip = dots > 8 ? 6 : 4; skip > 0; skip--) at = ackSubject.indexOf('.', at + 1)
  const delivered = ackSubject.indexOf('.', at + 1)
  const stream = ackSubject.indexOf('.', delivered + 1)
  const consumer = ackSubject.indexOf('.', stream + 1)
  if (consumer === -1) return { delivered: 1, streamSequence: 0, consumerSequence: 0 }
  return {
    delivered: Number(ackSubject.slice(at + 1, delivered)),
    streamSequence: Number(ackSubject.slice(delivered + 1, stream)),
    consumerSequence: Number(ackSubject.slice(stream + 1, consumer)),
  }
}

const DOT = 46
