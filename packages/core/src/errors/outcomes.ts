import { BusError } from './bus-error.ts'

/** Thrown by a handler: this event can never succeed, dead-letter it at once. */
export class Reject extends BusError {
  constructor(reason: string, options: { cause?: unknown } = {}) {
    super('REJECTED', reason, options)
    this.name = 'Reject'
  }
}

/** Thrown by a handler: try again after `delay` milliseconds, whatever the backoff says. Counts as an attempt. */
export class RetryAfter extends BusError {
  /** Milliseconds until the next attempt; never earlier. */
  readonly delay: number

  constructor(delay: number, options: { reason?: string; cause?: unknown } = {}) {
    if (!Number.isFinite(delay) || delay < 0) {
      throw new BusError('INVALID_OPTIONS', `RetryAfter: delay: ${delay} is not a number of milliseconds`, {
        field: 'delay',
        remedy: 'pass a finite number of milliseconds, 0 or more',
      })
    }
    super('HANDLER_FAILED', options.reason ?? `retry after ${delay} ms`, {
      retryable: true,
      cause: options.cause,
    })
    this.name = 'RetryAfter'
    this.delay = delay
  }
}
