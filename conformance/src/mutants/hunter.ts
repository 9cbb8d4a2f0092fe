import { Worker } from 'node:worker_threads'
import type { CaseStatus } from '../model/harness.ts'
import type { HuntNews, HuntOrder } from './hunt-messages.ts'

/** How each run of the suite ended on one mutant. */
export type HuntRuns = ReadonlyMap<string, { readonly status: CaseStatus; readonly reason?: string }>

export interface Hunter {
  /** Runs the suite on one mutant. */
  hunt(order: HuntOrder): Promise<HuntRuns>
  close(): Promise<void>
}

/** Real milliseconds without news after which a worker is taken to be frozen, beyond a case's own limit. */
const PATIENCE = 3_000

const MODULE = new URL(import.meta.url.endsWith('.ts') ? './hunt-worker.ts' : './hunt-worker.js', import.meta.url)

/** One worker thread at a time; a frozen one is replaced, and what it was running counts as failed. */
export function hunter(): Hunter {
  let worker: Worker | undefined
  return {
    async hunt(order) {
      const runs = new Map<string, { status: CaseStatus; reason?: string }>()
      for (;;) {
        worker ??= new Worker(MODULE)
        const frozen = await turn(worker, { ...order, skip: [...order.skip, ...runs.keys()] }, runs)
        if (frozen === undefined) return runs
        runs.set(frozen, { status: 'fail', reason: 'the event loop stood still' })
        await worker.terminate()
        worker = undefined
      }
    },
    async close() {
      await worker?.terminate()
      worker = undefined
    },
  }
}

/** Resolves to the run in which the worker froze or died, or to undefined when it did all. */
function turn(
  worker: Worker,
  order: HuntOrder,
  runs: Map<string, { status: CaseStatus; reason?: string }>,
): Promise<string | undefined> {
  let resolve: (frozen: string | undefined) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<string | undefined>((settle, fail) => {
    resolve = settle
    reject = fail
  })
  let running: string | undefined
  let watchdog: ReturnType<typeof setTimeout> | undefined
  const expectNews = () => {
    clearTimeout(watchdog)
    watchdog = setTimeout(() => stopped(new Error('no news')), order.timeLimit + PATIENCE)
  }
  const stopped = (error: Error) => (running === undefined ? reject(error) : resolve(running))
  const exited = () => stopped(new Error('the worker ended'))
  const heard = (news: HuntNews) => {
    expectNews()
    if (news.kind === 'begins') running = news.run
    else if (news.kind === 'ended') {
      const { status, reason } = news
      runs.set(news.run, { status, ...(reason === undefined ? {} : { reason }) })
      running = undefined
    } else resolve(undefined)
  }
  worker.on('message', heard)
  worker.on('error', stopped)
  worker.on('exit', exited)
  expectNews()
  worker.postMessage(order)
  return promise.finally(() => {
    clearTimeout(watchdog)
    worker.off('message', heard)
    worker.off('error', stopped)
    worker.off('exit', exited)
  })
}
