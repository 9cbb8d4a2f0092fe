import type { Clock } from '@busbar/core/time'
import { systemClock } from '@busbar/core/time'
import type { VirtualTime } from '../model/harness.ts'

/** How a case waits: the three verbs of its context. */
export interface Waiting {
  readonly clock: Clock
  until(condition: () => boolean | Promise<boolean>, what: string, limit?: number): Promise<void>
  within<T>(promise: Promise<T>, what: string, limit?: number): Promise<T>
  pass(ms: number): Promise<void>
}

const VIRTUAL_LIMIT = 3_600_000
const REAL_LIMIT = 20_000
/** Real milliseconds between two looks at a condition. */
const POLL = 10
/** Real milliseconds given to work that needs neither timer nor promise (a hash, an import) before a wait is hopeless. */
const GRACE = 40

/** How soon a wait in virtual time gives up. */
export interface Patience {
  /** Milliseconds of the case's clock, where the case says nothing else. Default 3,600,000. */
  readonly limit?: number
  /** Real milliseconds without any timer. Default 40. */
  readonly grace?: number
}

/** Everything that can settle without a timer has settled after two turns of the event loop. */
const turn = async () => {
  await new Promise<void>(resolve => setImmediate(resolve))
  await new Promise<void>(resolve => setImmediate(resolve))
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

class WaitFailed extends Error {
  override readonly name = 'WaitFailed'
}

/** Waiting on time that the suite moves: from timer to timer, and failing soon when no timer is left. */
export function virtualWaiting(time: VirtualTime, signal: AbortSignal, patience: Patience = {}): Waiting {
  const { limit: usual = VIRTUAL_LIMIT, grace = GRACE } = patience

  /** Moves on by one timer at a time; throws when there is none to move to before `limit` milliseconds are over. */
  function stepper(what: string, limit: number): () => Promise<void> {
    const end = time.now() + limit
    let idleSince: number | undefined
    return async () => {
      if (signal.aborted) throw new WaitFailed(`stopped while waiting for ${what}`)
      const next = time.nextDue
      if (next !== undefined && next <= end) {
        idleSince = undefined
        return time.advance(Math.max(0, next - time.now()))
      }
      idleSince ??= Date.now()
      if (Date.now() - idleSince > grace) {
        throw new WaitFailed(
          next === undefined
            ? `${what}: it did not happen, and nothing is left that could make it happen`
            : `${what}: it did not happen within ${limit} ms`,
        )
      }
      await pause(1)
    }
  }

  async function within<T>(promise: Promise<T>, what: string, limit = usual): Promise<T> {
    const step = stepper(what, limit)
    let settled = false
    const settle = () => {
      settled = true
    }
    promise.then(settle, settle)
    // Each step ends with everything settled that needs no timer.
    for (await turn(); !settled; ) await step()
    return promise
  }

  return {
    clock: time,
    within,
    async until(condition, what, limit = usual) {
      const step = stepper(what, limit)
      for (await turn(); ; ) {
        const answer = condition()
        // An asynchronous condition may itself need time to pass.
        if (typeof answer === 'boolean' ? answer : await within(answer, what, limit)) return
        await step()
      }
    },
    pass: ms => time.advance(ms),
  }
}

/** Waiting in real time, by polling. */
export function realWaiting(signal: AbortSignal): Waiting {
  return {
    clock: systemClock,
    async within(promise, what, limit = REAL_LIMIT) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new WaitFailed(`${what}: it did not happen within ${limit} ms`)),
          limit,
        )
      })
      try {
        return await Promise.race([promise, late])
      } finally {
        clearTimeout(timer)
      }
    },
    async until(condition, what, limit = REAL_LIMIT) {
      const end = Date.now() + limit
      while (!(await condition())) {
        if (signal.aborted) throw new WaitFailed(`stopped while waiting for ${what}`)
        if (Date.now() > end) throw new WaitFailed(`${what}: it did not happen within ${limit} ms`)
        await pause(POLL)
      }
    },
    pass: pause,
  }
}
