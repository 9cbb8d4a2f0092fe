import { BusError, type ForeignHeader } from '@busbar/core/adapter'
import type { Msg, MsgHdrs } from '@nats-io/nats-core'

const FIRST_LINE = 'NATS/1.0\r\n'

/** What the driver needs of headers to send them: their bytes. Its own class would trim values and lose the order of repeated names. */
export interface EncodedHeaders {
  readonly bytes: Uint8Array
}

/** @throws BusError INVALID_EVENT for what a header line cannot carry, RESERVED_HEADER for names that steer the server. */
export function encodeHeaders(
  headers: readonly ForeignHeader[],
  own: readonly ForeignHeader[] = [],
): Uint8Array {
  let text = FIRST_LINE
  for (const [name, value] of headers) {
    if (isServerHeader(name)) throw reserved(name)
    text += line(name, value)
  }
  for (const [name, value] of own) text += line(name, value)
  return Buffer.from(`${text}\r\n`)
}

function line(name: string, value: string | Uint8Array): string {
  if (typeof value !== 'string' || BREAKS.test(value) || !isLegal(name)) throw illegal(name)
  return `${name}: ${value}\r\n`
}

const BREAKS = /[\r\n]/
/** Names seen to be legal: most messages have the same. */
const legal = new Set<string>()
const MOST_NAMES = 1_000

function isLegal(name: string): boolean {
  if (legal.has(name)) return true
  if (name === '' || /[\r\n:]/.test(name) || name.trim() !== name) return false
  if (legal.size < MOST_NAMES) legal.add(name)
  return true
}

/** For the driver's `headers` option, of which it calls nothing else. */
export const asDriverHeaders = (bytes: Uint8Array): MsgHdrs => new Encoded(bytes) as unknown as MsgHdrs

class Encoded {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  encode(): Uint8Array {
    return this.#bytes
  }
}

/** `Nats-Msg-Id`, `Nats-Rollup` and their like change what the server does with a message. */
export const isServerHeader = (name: string): boolean =>
  (name.charCodeAt(0) | 0x20) === LOWER_N && /^nats-/i.test(name)

const LOWER_N = 110

/** A message as the driver keeps it; its own header object has lost their order. */
interface DriverMessage {
  readonly _rdata?: Uint8Array
  readonly _msg?: { readonly hdr: number }
}

/** A message's status (`503`, `408`, …), and 0 for an ordinary message. */
export function statusOf(message: Msg): number {
  const { _rdata: raw, _msg: frame } = message as unknown as DriverMessage
  // The driver's `data` is a view that it makes anew for each look at it.
  const ordinary =
    raw === undefined || frame === undefined ? message.data.length > 0 : raw.length > Math.max(0, frame.hdr)
  return ordinary ? 0 : (message.headers?.code ?? 0)
}

/** The headers in their order, repeated where they are repeated, without the server's own unless `all`. */
export function readHeaders(message: Msg, all = false): ForeignHeader[] {
  const { _rdata: raw, _msg: frame } = message as unknown as DriverMessage
  if (raw === undefined || frame === undefined) return fromDriver(message, all)
  if (frame.hdr <= 0) return []
  // A message that came in pieces is not the socket's own buffer.
  const bytes = raw instanceof Buffer ? raw : Buffer.from(raw.buffer, raw.byteOffset, frame.hdr)
  return parseHeaders(bytes.toString('utf8', 0, frame.hdr), all)
}

export function parseHeaders(block: string, all = false): ForeignHeader[] {
  const found: ForeignHeader[] = []
  let start = block.indexOf('\r\n') + 2
  while (start > 1 && start < block.length) {
    const end = block.indexOf('\r\n', start)
    const colon = block.indexOf(':', start)
    if (end === -1 || colon === -1 || colon >= end) break
    const name = block.slice(start, colon)
    // One space belongs to the notation; more are the value's.
    const from = block.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1
    if (all || !isServerHeader(name)) found.push([name, block.slice(from, end)])
    start = end + 2
  }
  return found
}

function fromDriver(message: Msg, all: boolean): ForeignHeader[] {
  const found: ForeignHeader[] = []
  for (const [name, values] of message.headers ?? []) {
    if (all || !isServerHeader(name)) for (const value of values) found.push([name, value])
  }
  return found
}

const illegal = (name: string) =>
  new BusError('INVALID_EVENT', `header ${JSON.stringify(name)} cannot be carried by NATS`, {
    field: 'headers',
    remedy:
      'header values are text without line breaks, and names have no colon; put other things into the data',
  })

const reserved = (name: string) =>
  new BusError('RESERVED_HEADER', `header ${JSON.stringify(name)} is an instruction to the NATS server`, {
    field: 'headers',
    remedy: 'choose a name that does not begin with Nats-',
  })
