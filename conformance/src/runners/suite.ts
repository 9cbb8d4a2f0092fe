import { type BusOptions, createBus, isBusError } from '@busbar/core'
import type { Adapter, Capabilities, CapabilityId } from '@busbar/core/adapter'
import type { CaseContext, ConformanceCase } from '../model/case.ts'
import type { CaseResult, CaseStatus, Environment, Harness } from '../model/harness.ts'
import { type Alterations, openCase } from './case-context.ts'
import { claimNative } from './claim-native.ts'
import { failureReason } from './failure-reason.ts'
import type { PlannedRun } from './plan.ts'
import { strayErrors } from './stray-errors.ts'
import { timeLimit } from './time-limit.ts'
import { type Patience, virtualWaiting } from './waiting.ts'

export interface SuiteOptions {
  /** The longest that any case may take, in real milliseconds; a case's own limit holds if it is shorter. */
  readonly timeLimit?: number
  /** Ends the run: cases that have not begun are reported as skipped. */
  readonly signal?: AbortSignal
  /** Which of the harness's `servers` to run on. Default: the first. */
  readonly server?: string
  /** Makes the random source of each case. Default 1. */
  readonly seed?: number
  readonly alterations?: Alterations
  /** How soon waits in virtual time give up. */
  readonly patience?: Patience
}

/** A harness that is open: runs cases one by one, or several at a time. */
export interface Suite {
  readonly adapter: string
  readonly version: string
  readonly capabilities: Capabilities
  run(planned: PlannedRun): Promise<CaseResult>
  /** What an adapter that claimed `capability` would make of these runs: `fail` if it passes them all. */
  probe(capability: CapabilityId, planned: readonly PlannedRun[]): Promise<CaseResult>
  /** Whether a run must not share the broker with others: it harms it. */
  exclusive(planned: PlannedRun): boolean
  close(): Promise<void>
}

const TIME_LIMIT = 30_000

type Verdict = { readonly status: CaseStatus; readonly reason?: string }

/** Opens the harness and asks the adapter what it can do. Rejects when there is no broker to talk to. */
export async function openSuite(harness: Harness, options: SuiteOptions = {}): Promise<Suite> {
  const open = () => harness.open(options.server === undefined ? {} : { server: options.server })
  const shared = harness.isolated === true ? undefined : await open()
  const strays = strayErrors()
  // Unique among processes that share a broker, and short enough for every broker's names.
  const run = `${Date.now().toString(36)}${Math.floor(Math.random() * 36 ** 3).toString(36)}`
  let count = 0

  const { version, capabilities } = await introduce(open, shared, `c${run}-0`)
  const isExclusive = ({ case: { faults = [] } }: PlannedRun) =>
    shared !== undefined && faults.some(id => shared.faults?.contained?.has(id) !== true)
  const isUnmet = (id: CapabilityId) => capabilities.of[id].support === 'unsupported'

  /** Runs `work` as a case: in an environment, within limits, and with a look at what it leaves behind. */
  async function attempt(
    planned: PlannedRun,
    alterations: Alterations,
    work: (t: CaseContext) => Promise<unknown>,
  ): Promise<Verdict> {
    const environment = shared ?? (await open())
    const missing = missingMeans(planned.case, environment)
    if (missing !== undefined) {
      if (shared === undefined) await environment.close()
      return { status: 'not-proven', reason: missing }
    }
    count++
    const ms = Math.min(planned.case.timeLimit ?? TIME_LIMIT, options.timeLimit ?? Number.POSITIVE_INFINITY)
    const limit = timeLimit(ms, options.signal)
    const watch = strays.watch()
    const prefix = `c${run}-${count.toString(36)}`
    const seed = seedOf(`${options.seed ?? 1} ${planned.id}`)
    const patience = options.patience ?? {}
    const { signal } = limit
    const opened = openCase({ environment, capabilities, prefix, seed, signal, alterations, patience })
    const failures: unknown[] = []
    const fail = (error: unknown) => void failures.push(error)
    await limit.hold(work(opened.context)).catch(fail)
    limit.stop()
    await opened.close().catch(fail)
    if (shared === undefined) {
      await environment.close()
      const left = environment.time?.pending ?? 0
      if (left > 0) fail(new Error(`${left} timers are left although every bus was closed`))
    } else {
      if (isExclusive(planned)) await environment.faults?.heal()
      await environment.cleanUp?.(prefix).catch(fail)
    }
    // A rejection is reported as unhandled one turn of the event loop after it happened.
    await new Promise(resolve => setImmediate(resolve))
    watch.stop()
    for (const error of watch.errors)
      failures.push(new Error(`nobody caught: ${failureReason(error)}`, { cause: error }))
    if (failures.length === 0) return { status: 'pass' }
    return { status: 'fail', reason: failureReason(failures[0]) }
  }

  async function refusal(planned: PlannedRun, unmet: readonly CapabilityId[]): Promise<Verdict> {
    const demand = planned.case.demand ?? (t => t.bus({ requires: unmet }))
    const verdict = await attempt(planned, options.alterations ?? {}, async t => {
      const error = await t.within(
        demand(t).then(
          () => undefined,
          (error: unknown) => error,
        ),
        'the refusal of an unsupported capability',
      )
      if (error === undefined)
        throw new Error(`${unmet.join(', ')}: unsupported, and the demand was not refused`)
      if (!isBusError(error, 'CAPABILITY_UNSUPPORTED')) {
        throw new Error(
          `${unmet.join(', ')}: refused, but not with CAPABILITY_UNSUPPORTED: ${failureReason(error)}`,
        )
      }
    })
    return verdict.status === 'pass'
      ? { status: 'refused', reason: `unsupported: ${unmet.join(', ')}` }
      : verdict
  }

  async function verdictOf(planned: PlannedRun): Promise<Verdict> {
    if (options.signal?.aborted) return { status: 'skipped', reason: 'the run was stopped' }
    const unmet = planned.case.requires.filter(isUnmet)
    if (unmet.length > 0) return refusal(planned, unmet)
    return attempt(planned, options.alterations ?? {}, t => planned.case.run(t, planned.permutation))
  }

  return {
    adapter: harness.name,
    version,
    capabilities,
    exclusive: isExclusive,
    async run(planned) {
      const began = performance.now()
      const verdict = await verdictOf(planned)
      return { id: planned.id, title: planned.title, ms: Math.round(performance.now() - began), ...verdict }
    },
    async probe(capability, planned) {
      const began = performance.now()
      const alterations: Alterations = { adapter: adapter => claimNative(adapter, [capability]) }
      let verdict: Verdict = {
        status: 'fail',
        reason: `${capability} is declared unsupported, yet its cases pass`,
      }
      for (const item of planned) {
        const claimed = await attempt(item, alterations, t => item.case.run(t, item.permutation))
        if (claimed.status === 'pass') continue
        verdict = { status: 'pass', reason: `without it, ${item.id} fails` }
        break
      }
      return {
        id: `capabilities.under-declared@1[${capability}]`,
        title: `${capability} is really missing, as the manifest says`,
        ms: Math.round(performance.now() - began),
        ...verdict,
      }
    },
    async close() {
      strays.close()
      await shared?.close()
    },
  }
}

/** Connects once, to learn the server's version and what it can do. */
async function introduce(
  open: () => Promise<Environment>,
  shared: Environment | undefined,
  prefix: string,
): Promise<{ version: string; capabilities: Capabilities }> {
  const environment = shared ?? (await open())
  const client = `${prefix}-introduction`
  const adapter: Adapter = environment.adapter({ client })
  const time = environment.time
  const own = AbortSignal.timeout(TIME_LIMIT)
  const options: BusOptions = { prefix, clientName: client, ...(time ? { clock: time } : {}) }
  try {
    const work = async () => {
      await using bus = await createBus(adapter, options)
      return { version: bus.server, capabilities: bus.capabilities }
    }
    return await (time ? virtualWaiting(time, own).within(work(), 'connecting to the broker') : work())
  } finally {
    await (shared === undefined ? environment.close() : environment.cleanUp?.(prefix))
  }
}

function missingMeans(item: ConformanceCase, environment: Environment): string | undefined {
  const faults = (item.faults ?? []).filter(id => environment.faults?.available.has(id) !== true)
  if (faults.length > 0) return `the harness cannot inject: ${faults.join(', ')}`
  if (item.raw === true && environment.raw === undefined) return 'the harness has no raw client'
  if (item.visitors === true && environment.visitors === undefined)
    return 'the harness has no broker with TLS and logins'
  return undefined
}

/** The same text, the same seed (FNV-1a). */
function seedOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
