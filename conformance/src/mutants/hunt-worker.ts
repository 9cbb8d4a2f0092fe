import { parentPort } from 'node:worker_threads'
import { allCases } from '../cases/index.ts'
import { memoryHarness } from '../harness/memory.ts'
import { plan } from '../runners/plan.ts'
import { openSuite } from '../runners/suite.ts'
import type { HuntNews, HuntOrder } from './hunt-messages.ts'
import { allMutants } from './index.ts'

/** A hunt's worker thread: runs the suite on one mutant after the other. A thread, because a mutant may freeze its event loop. */
async function work(order: HuntOrder): Promise<void> {
  const tell = (news: HuntNews) => parentPort?.postMessage(news)
  const alterations = allMutants[order.mutant] ?? {}
  const suite = await openSuite(memoryHarness, { alterations, timeLimit: order.timeLimit })
  for (const run of plan(allCases, order.filter === undefined ? {} : { filter: order.filter })) {
    if (order.skip.includes(run.id)) continue
    tell({ kind: 'begins', run: run.id })
    const { status, reason } = await suite.run(run)
    tell({ kind: 'ended', run: run.id, status, ...(reason === undefined ? {} : { reason }) })
  }
  await suite.close()
  tell({ kind: 'done' })
}

parentPort?.on('message', (order: HuntOrder) => void work(order))
