import type { ForeignHeader } from '@busbar/core/adapter'

/** NATS headers are lines of text: what is not travels as a data URL. */
const BYTES = 'data:application/octet-stream;base64,'
/** Text that has line breaks, or that would itself be taken for one of these. */
const TEXT = 'data:text/plain;charset=utf-8;base64,'

export function textHeader(header: ForeignHeader): ForeignHeader {
  const [name, value] = header
  if (typeof value !== 'string') return [name, BYTES + Buffer.from(value).toString('base64')]
  if (!/[\r\n\0]/.test(value) && !value.startsWith(BYTES) && !value.startsWith(TEXT)) return header
  return [name, TEXT + Buffer.from(value).toString('base64')]
}

/** Whether a header's value may be one of these. */
export const isCarried = ([, value]: ForeignHeader): boolean =>
  typeof value === 'string' && value.startsWith('data:')

export function originalHeader(header: ForeignHeader): ForeignHeader {
  const [name, value] = header
  if (typeof value !== 'string' || !isCarried(header)) return header
  if (value.startsWith(BYTES)) return [name, new Uint8Array(Buffer.from(value.slice(BYTES.length), 'base64'))]
  if (value.startsWith(TEXT)) return [name, Buffer.from(value.slice(TEXT.length), 'base64').toString()]
  return header
}
