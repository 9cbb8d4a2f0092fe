import { BusError } from '@busbar/core/adapter'
import type { Msg } from '@nats-io/nats-core'
import { type ApiError, noAnswer, refusal, SWITCH_ON } from '../errors.ts'
import { statusOf } from '../wire/headers.ts'
import type { Link } from './link.ts'

/** Between tries of a call that JetStream is not ready for (a restart, an election), in milliseconds. */
const PAUSE = 200

/** The JetStream API: JSON in, JSON out. Waits for the link, and for JetStream behind it, within the operation timeout. */
export class JetStreamApi {
  readonly link: Link
  readonly timeout: number

  constructor(link: Link, timeout: number) {
    this.link = link
    this.timeout = timeout
  }

  /** @throws BusError for what the server refuses, or CONNECTION_LOST. */
  async call<T>(path: string, body: unknown = undefined): Promise<T> {
    const { clock } = this.link
    const deadline = clock.now() + this.timeout
    for (;;) {
      const left = Math.max(1, deadline - clock.now())
      await this.link.live(left)
      let problem: BusError
      try {
        const message = await this.link.call(
          `$JS.API.${path}`,
          body === undefined ? '' : JSON.stringify(body),
          left,
        )
        if (statusOf(message) !== 503) return parsed<T>(message, path)
        problem = noJetStream(path)
      } catch (error) {
        if (!(error instanceof BusError) || !error.retryable) throw error
        problem = error
      }
      if (clock.now() + PAUSE >= deadline) throw problem
      await new Promise<void>(resolve => clock.setTimer(PAUSE, resolve, { keepAlive: true }))
    }
  }

  /** As {@link call}, and undefined for what does not exist. */
  async find<T>(path: string, body?: unknown): Promise<T | undefined> {
    try {
      return await this.call<T>(path, body)
    } catch (error) {
      const cause = (error as { cause?: ApiError }).cause
      if (cause?.code === 404) return undefined
      throw error
    }
  }

  /** All pages of a listing. */
  async list<T>(path: string, field: string, body: object = {}): Promise<T[]> {
    const found: T[] = []
    for (;;) {
      const page = await this.call<Record<string, unknown> & { total: number }>(path, {
        ...body,
        offset: found.length,
      })
      const items = (page[field] ?? []) as T[]
      found.push(...items)
      if (items.length === 0 || found.length >= page.total) return found
    }
  }
}

function parsed<T>(message: Msg, path: string): T {
  const answer = JSON.parse(message.string()) as T & { error?: ApiError }
  if (answer.error !== undefined) throw refusal(answer.error, path)
  return answer
}

const noJetStream = (path: string): BusError =>
  new BusError('BROKER_REJECTED', `${path}: JetStream does not answer`, {
    cause: noAnswer(path),
    retryable: true,
    remedy: SWITCH_ON,
  })
