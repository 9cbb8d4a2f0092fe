import { BusError, isBusError, type PublishResult } from '@busbar/core/adapter'
import { publishAck } from '../consuming/records.ts'
import type { Answer } from '../link/link.ts'
import { statusOf } from '../wire/headers.ts'

export const CONFIRMED: PublishResult = { status: 'confirmed' }

/** What an answer says of a stored publish. `nobody`: no stream has taken it. */
export function resultOf(answer: Answer, subject: string): PublishResult | 'nobody' {
  if ('error' in answer) {
    return answer.error.code === 'PERMISSION_DENIED'
      ? { status: 'failed', error: answer.error }
      : { status: 'unknown', cause: answer.error }
  }
  if (statusOf(answer.message) === 503) return 'nobody'
  try {
    const { seq, duplicate } = publishAck(answer.message, subject)
    return { status: 'confirmed', position: String(seq), ...(duplicate === true ? { duplicate } : {}) }
  } catch (error) {
    return failedBy(error)
  }
}

export function failedBy(error: unknown): PublishResult {
  if (isBusError(error)) return { status: 'failed', error }
  return {
    status: 'failed',
    error: new BusError('BROKER_REJECTED', 'the NATS client refused the message', { cause: error }),
  }
}

export const behindFailed = (key: string): BusError =>
  new BusError('PUBLISH_FAILED', `an earlier event of key ${JSON.stringify(key)} failed`, {
    retryable: true,
    remedy: 'it is sent again behind that one',
  })
