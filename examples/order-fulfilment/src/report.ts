import type { Company } from './company.ts'
import type { Intake } from './intake.ts'
import { ACCOUNTS, type AccountName, EFFECTS, type Ledger } from './ledger.ts'
import { percentile, table } from './table.ts'

export interface RunResult {
  readonly company: Company
  readonly intake: Intake
  readonly redriven: ReadonlyMap<AccountName, number>
}

/** The rows in the order in which an event passes them. */
const ROWS = ['order-desk', 'pricing', ...ACCOUNTS.slice(1)] as const

const HEADER = ['group', 'published', 'handled', 'retried', 'dead', 'redriven', 'repeats', 'p50', 'p99']

/** What happened, in numbers. */
export function resultTable({ company, redriven }: RunResult): string {
  const { ledger, front } = company
  const rows = ROWS.map(name => {
    if (name === 'pricing') {
      const { sent } = front.stats.requests
      return ['pricing', sent, company.counts(name).handled, '', '', '', '', ...latency(ledger.quotes)]
    }
    const { expected, handled, repeats, latencies } = ledger.accounts[name]
    // A broadcast has no group, and so neither durable retries nor a dead-letter queue.
    const { retried, deadLettered } = company.counts(name)
    const durable = redriven.has(name) ? [retried, deadLettered, redriven.get(name)] : ['', '', '']
    return [name, expected, handled, ...durable, repeats, ...latency(latencies)]
  })
  return table(
    HEADER,
    rows.map(row => row.map(String)),
  )
}

const latency = (values: readonly number[]) => [ms(percentile(values, 0.5)), ms(percentile(values, 0.99))]

const ms = (value: number | undefined) => (value === undefined ? '-' : `${value.toFixed(1)} ms`)

export interface Finding {
  readonly ok: boolean
  readonly text: string
}

/** Whether everything is accounted for. */
export function verdict(ledger: Ledger): readonly Finding[] {
  const missing = ACCOUNTS.filter(name => ledger.accounts[name].missing !== 0).map(
    name => `${name} misses ${ledger.accounts[name].missing}`,
  )
  const effects = EFFECTS.map(effect => ({ effect, ...ledger.effects(effect) }))
  const doubled = effects.filter(effect => effect.doubled > 0).map(e => `${e.effect} of ${e.doubled} orders`)
  const dead = ledger.dead === 0 ? '' : `, or is one of the ${ledger.dead} in a dead-letter queue`
  return [
    missing.length === 0
      ? { ok: true, text: `nothing is missing: every group handled all of its events${dead}` }
      : { ok: false, text: `events are missing: ${missing.join(', ')}` },
    doubled.length === 0
      ? {
          ok: true,
          text: `nothing is doubled: ${effects.map(e => `${e.orders} ${plural(e.effect)}`).join(', ')}`,
        }
      : { ok: false, text: `effects are doubled: ${doubled.join(', ')}` },
    ledger.outOfOrder === 0
      ? { ok: true, text: 'nothing is out of order: events of one order were handled as they were published' }
      : { ok: false, text: `${ledger.outOfOrder} events were handled before an earlier one of their order` },
  ]
}

const plural = (effect: (typeof EFFECTS)[number]) =>
  ({ charge: 'charges', parcel: 'parcels', email: 'mails', sms: 'text messages' })[effect]
