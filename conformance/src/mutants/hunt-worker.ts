import { parentPort } from 'node:worker_threads'
import { allCases } from '../cases/index.ts'
import { memoryHarness } from '../harness/memory.ts'
import { plan } from '../runners/plan.ts'
import { openSuite } from '../runners/suite.ts'
import type { HuntNews, HuntOrder } from './hunt-messages.ts'
import { allMutants } from './index.ts'

/** Nothing but the broken adapter can be late on the embedded broker, so that waiting for it is of no use. */
const HASTE = { grace: 4 }

/** A hunt's worker thread: runs the suite on one mutant after the other. A thread, because a mutant may freeze its event loop. */
async function work(order: HuntOrder): Promise<void> {
  const tell = (news: HuntNews) => parentPort?.postMessage(news)
  const { timeLimit } = order
  const alterations = allMutants.find(mutant => mutant.id === order.mutant) ?? {}
  const suite = await openSuite(memoryHarness, { alterations, timeLimit, patience: HASTE })
  const failed = new Set<string>()
  for (const run of plan(allCases, order.filter === undefined ? {} : { filter: order.filter })) {
    // One permutation that fails is enough to say that the case notices.
    if (order.skip.includes(run.id) || failed.has(run.case.id)) continue
    tell({ kind: 'begins', run: run.id })
    const { status, reason } = await suite.run(run)
    if (status === 'fail' && order.mutant !== undefined) failed.add(run.case.id)
    tell({ kind: 'ended', run: run.id, status, ...(reason === undefined ? {} : { reason }) })
  }
  await suite.close()
  tell({ kind: 'done' })
}

parentPort?.on('message', (order: HuntOrder) => void work(order))
