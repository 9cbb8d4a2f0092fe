import { BusError, type Issue, issuesError } from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'

/** What a topic keeps for replay. Infinity: no limit but the broker's `maxBytes` and `maxMessages`. */
export interface RetentionLimits {
  /** Milliseconds. */
  readonly age: number
  readonly bytes: number
  readonly count: number
}

/** Faults by chance, repeatable from `seed`. Probabilities are from 0 to 1 and default to 0. */
export interface FaultPlan {
  /** Default 1. */
  readonly seed?: number
  /** Per publish or settlement call: the connection drops, before or after the broker has done it. */
  readonly dropConnection?: number
  /** Milliseconds until a dropped connection is back. Default 100. */
  readonly outage?: number
  /** Per message: stored, and its confirmation lost (`unknown`). */
  readonly failConfirm?: number
  /** Per message: refused with a retryable `BROKER_REJECTED`. */
  readonly refusePublish?: number
  /** Per settlement: fails, retryable; half of them after the broker has done it. */
  readonly failSettle?: number
  /** Per batch of deliveries: its consumer's connection drops just after the hand-over. */
  readonly crashConsumer?: number
  /** Per call to the broker: it takes up to `max` milliseconds. */
  readonly delay?: { readonly probability: number; readonly max: number }
}

/** Options of a {@link MemoryBroker}. */
export interface MemoryBrokerOptions {
  /** Bytes of messages, dead letters included, at about 320 bytes of overhead each. Default 256 MiB. */
  readonly maxBytes?: number
  /** Messages held, dead letters included. Default 1,000,000. */
  readonly maxMessages?: number
  /** The largest message, as `sizeOf` counts it. Default 1 MiB. */
  readonly messageBytes?: number
  /** What topics without a retention of their own keep for replay. Default 10,000 events, any age. */
  readonly retention?: Partial<RetentionLimits>
  /** Milliseconds for which a second copy of a publish is recognised. Default 120,000; 0 switches it off. */
  readonly dedupeWindow?: number
  /** Publishes remembered for that; beyond it the oldest are forgotten early. Default 100,000. */
  readonly dedupeCount?: number
  /** Milliseconds an adapter waits for an answer of a broker that is slow, hung or cut off. Default 10,000. */
  readonly operationTimeout?: number
  readonly faults?: FaultPlan
  /** Default: the clock of the first bus that connects (again, once all have left). */
  readonly clock?: Clock
}

export type ResolvedOptions = Required<Omit<MemoryBrokerOptions, 'clock' | 'faults' | 'retention'>> & {
  readonly retention: RetentionLimits
  readonly faults: Required<FaultPlan>
  readonly clock: Clock | undefined
}

/** The smallest value of each numeric option, its default, and whether it must be an integer. */
const NUMBERS = {
  maxBytes: { min: 1, fallback: 256 * 2 ** 20 },
  maxMessages: { min: 1, fallback: 1_000_000 },
  messageBytes: { min: 1, fallback: 2 ** 20 },
  dedupeWindow: { min: 0, fallback: 120_000 },
  dedupeCount: { min: 1, fallback: 100_000 },
  operationTimeout: { min: 1, fallback: 10_000 },
} as const

const RETENTION = ['age', 'bytes', 'count'] as const
const CHANCES = ['dropConnection', 'failConfirm', 'refusePublish', 'failSettle', 'crashConsumer'] as const

type Fields = Readonly<Record<string, unknown>>

/** @throws BusError INVALID_OPTIONS, naming everything that is wrong. */
export function resolveOptions(options: MemoryBrokerOptions): ResolvedOptions {
  const check = new Checker()
  const top = check.object('', options, [...Object.keys(NUMBERS), 'retention', 'faults', 'clock'])
  const number = (name: keyof typeof NUMBERS) => check.number(name, top[name], NUMBERS[name])
  const retention = check.object('retention', top.retention, RETENTION)
  const limit = (name: (typeof RETENTION)[number], fallback: number) =>
    check.number(`retention.${name}`, retention[name], { min: 0, fallback, infinite: true })
  const unset = top.retention === undefined
  const faults = check.object('faults', top.faults, ['seed', 'outage', 'delay', ...CHANCES])
  const delay = check.object('faults.delay', faults.delay, ['probability', 'max'])
  const chance = (name: string, value: unknown) =>
    check.number(name, value, { min: 0, max: 1, fallback: 0, fraction: true })
  const chances = Object.fromEntries(CHANCES.map(name => [name, chance(`faults.${name}`, faults[name])]))
  const resolved = {
    maxBytes: number('maxBytes'),
    maxMessages: number('maxMessages'),
    messageBytes: number('messageBytes'),
    dedupeWindow: number('dedupeWindow'),
    dedupeCount: number('dedupeCount'),
    operationTimeout: number('operationTimeout'),
    retention: {
      age: limit('age', Number.POSITIVE_INFINITY),
      bytes: limit('bytes', Number.POSITIVE_INFINITY),
      count: limit('count', unset ? 10_000 : Number.POSITIVE_INFINITY),
    },
    faults: {
      ...(chances as Record<(typeof CHANCES)[number], number>),
      seed: check.number('faults.seed', faults.seed, { min: 0, fallback: 1 }),
      outage: check.number('faults.outage', faults.outage, { min: 0, fallback: 100 }),
      delay: {
        probability: chance('faults.delay.probability', delay.probability),
        max: check.number('faults.delay.max', delay.max, { min: 0, fallback: 0 }),
      },
    },
    clock: options.clock,
  }
  check.finish()
  return resolved
}

interface NumberRule {
  readonly min: number
  readonly max?: number
  readonly fallback: number
  readonly infinite?: boolean
  readonly fraction?: boolean
}

class Checker {
  readonly #issues: Issue[] = []

  object(path: string, value: unknown, known: readonly string[]): Fields {
    if (value === undefined) return {}
    if (typeof value !== 'object' || value === null) {
      this.#issues.push({ field: path || 'options', problem: 'is not an object' })
      return {}
    }
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue
      const field = path === '' ? name : `${path}.${name}`
      this.#issues.push({
        field,
        problem: 'is not an option of the memory broker',
        remedy: `use one of ${known.join(', ')}`,
      })
    }
    return value as Fields
  }

  number(field: string, value: unknown, rule: NumberRule): number {
    if (value === undefined) return rule.fallback
    const max = rule.max ?? Number.MAX_SAFE_INTEGER
    const whole =
      rule.fraction === true || Number.isInteger(value) || (rule.infinite === true && value === Infinity)
    if (typeof value === 'number' && whole && value >= rule.min && (value <= max || rule.infinite === true))
      return value
    const kind = rule.fraction === true ? 'a number' : 'a whole number'
    const range = rule.max === undefined ? `of ${rule.min} or more` : `from ${rule.min} to ${rule.max}`
    this.#issues.push({ field, problem: `${String(value)} is not allowed`, remedy: `pass ${kind} ${range}` })
    return rule.fallback
  }

  finish(): void {
    if (this.#issues.length > 0) throw issuesError('INVALID_OPTIONS', 'memory broker', this.#issues)
  }
}

/** @throws BusError INVALID_OPTIONS */
export function invalidOption(field: string, problem: string, remedy: string): BusError {
  return new BusError('INVALID_OPTIONS', `memory broker: ${field}: ${problem}`, { field, remedy })
}
