import { BusError } from '../errors/bus-error.ts'
import type { PublishEntry } from './publish-entry.ts'

export const closed = () =>
  new BusError('BUS_CLOSED', 'the bus is closed', {
    remedy: 'publish before drain() or close(), or create a new bus',
  })

export const aborted = (sent: boolean, reason: unknown) =>
  sent
    ? new BusError('PUBLISH_UNKNOWN', 'the publish was aborted after it had been sent: it may be stored', {
        cause: reason,
        retryable: true,
        remedy: 'publish again under the same id if it must arrive',
      })
    : new BusError('ABORTED', 'the publish was aborted before it was sent', { cause: reason })

export const tooLarge = (size: number, limit: number) =>
  new BusError('PAYLOAD_TOO_LARGE', `the message has ${size} bytes, the broker takes ${limit}`, {
    field: 'data',
    remedy: 'send a reference to the data (the dataref extension), or raise the limit on the broker',
  })

export const overflow = (waiting: number) =>
  new BusError('PUBLISH_OVERFLOW', `${waiting} publishes are waiting already`, {
    retryable: true,
    remedy: 'await publish(): it resolves as fast as the broker takes events; or raise publishing.maxWaiting',
  })

export const unknown = (entry: PublishEntry, cause: unknown) =>
  new BusError('PUBLISH_UNKNOWN', `event ${entry.id} may be stored: its confirmation did not arrive`, {
    cause,
    retryable: true,
    remedy: 'publish it again under the same id; consumers drop the copy by its source and id',
  })

const notStored = (entry: PublishEntry, cause: unknown) =>
  new BusError('PUBLISH_FAILED', `event ${entry.id} was not stored in time`, {
    cause,
    retryable: true,
    remedy: 'see the cause; publish again once the broker is reachable and has room',
  })

/** The deadline passed. */
export const timedOut = (entry: PublishEntry): BusError => {
  if (!entry.sent) return notStored(entry, undefined)
  const last = entry.last
  if (last?.status === 'failed' && !entry.onWire && !entry.unsure) return notStored(entry, last.error)
  return unknown(entry, last?.status === 'unknown' ? last.cause : undefined)
}

export const atClose = (entry: PublishEntry): BusError => (entry.sent ? unknown(entry, undefined) : closed())
