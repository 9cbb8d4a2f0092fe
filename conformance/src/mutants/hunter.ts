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

const MODULE = new URL(
  import.meta.url.endsWith('.ts') ? './hunt-worker.ts' : './hunt-worker.js',
  import.meta.url,
)

/** Replacements of one mutant's worker, in case nothing but the mutant is to blame. */
const MOST_RESTARTS = 100

type Runs = Map<string, { status: CaseStatus; reason?: string }>

/** One worker thread at a time; a frozen one is replaced, and what it was running counts as failed. */
export function hunter(): Hunter {
  let worker: Worker | undefined
  return {
    async hunt(order) {
      const runs: Runs = new Map()
      for (let restarts = 0; restarts < MOST_RESTARTS; restarts++) {
        worker ??= start()
        const end = await turn(worker, { ...order, skip: [...order.skip, ...runs.keys()] }, runs)
        if (end.kind === 'done') return runs
        if (end.during !== undefined) runs.set(end.during, { status: 'fail', reason: end.why })
        await worker.terminate()
        worker = undefined
      }
      throw new Error(
        `mutant ${order.mutant ?? 'none'}: the worker had to be replaced ${MOST_RESTARTS} times`,
      )
    },
    async close() {
      await worker?.terminate()
      worker = undefined
    },
  }
}

function start(): Worker {
  const worker = new Worker(MODULE)
  // A worker that dies between two mutants must not end the hunt; the next turn finds it gone.
  worker.on('error', () => {})
  return worker
}

type End =
  | { readonly kind: 'done' }
  | { readonly kind: 'lost'; readonly during: string | undefined; readonly why: string }

/** Resolves when the worker did all, or when it froze or died. */
function turn(worker: Worker, order: HuntOrder, runs: Runs): Promise<End> {
  let running: string | undefined
  let watchdog: ReturnType<typeof setTimeout> | undefined
  let end: (end: End) => void = () => {}
  const ended = new Promise<End>(resolve => {
    end = resolve
  })
  const lost = (why: string) => end({ kind: 'lost', during: running, why })
  const died = (error: Error) => lost(`the process would have ended: ${error.message}`)
  const exited = () => lost('the process would have ended')
  const expectNews = () => {
    clearTimeout(watchdog)
    watchdog = setTimeout(() => lost('the event loop stood still'), order.timeLimit + PATIENCE)
  }
  const heard = (news: HuntNews) => {
    expectNews()
    if (news.kind === 'done') return end({ kind: 'done' })
    if (news.kind === 'begins') running = news.run
    else {
      running = undefined
      runs.set(news.run, {
        status: news.status,
        ...(news.reason === undefined ? {} : { reason: news.reason }),
      })
    }
  }
  worker.on('message', heard)
  worker.on('error', died)
  worker.on('exit', exited)
  expectNews()
  worker.postMessage(order)
  return ended.finally(() => {
    clearTimeout(watchdog)
    worker.off('message', heard)
    worker.off('error', died)
    worker.off('exit', exited)
  })
}
