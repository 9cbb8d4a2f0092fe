import { exchange, type Probe } from './probe.ts'

/** The header with which an AMQP 0-9-1 client opens; the server answers with `connection.start`. */
const PROTOCOL_HEADER = Uint8Array.from([...Buffer.from('AMQP'), 0, 0, 9, 1])
const FRAME_HEADER_BYTES = 7
const METHOD_FRAME = 1

export const probeRabbitmq: Probe = (url, signal) =>
  exchange(url, 5672, PROTOCOL_HEADER, parseConnectionStart, signal)

export function parseConnectionStart(received: Buffer): string | undefined {
  if (received.length < FRAME_HEADER_BYTES) return undefined
  if (received[0] !== METHOD_FRAME) throw new Error('this is no AMQP 0-9-1 server')
  const end = FRAME_HEADER_BYTES + received.readUInt32BE(3)
  if (received.length < end) return undefined
  // In the table of server properties: the name with its length before it, then S for a long string, and the string.
  const key = received.indexOf('\x07versionS')
  if (key === -1 || key > end) return 'unknown'
  const length = key + '\x07versionS'.length
  return received.toString('utf8', length + 4, length + 4 + received.readUInt32BE(length))
}
