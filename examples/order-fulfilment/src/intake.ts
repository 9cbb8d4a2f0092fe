import { type Bus, type CloudEventInput, isBusError } from '@busbar/core'
import { OrderAmended, OrderPlaced, orders } from './contracts.ts'
import { identityOf } from './identity.ts'
import type { Ledger } from './ledger.ts'
import { type Line, readLines } from './lines.ts'

/** A line that did not become an event on the broker. */
export interface BrokenLine {
  readonly line: number
  readonly reason: string
}

export interface IntakeOptions {
  readonly bus: Bus
  readonly ledger: Ledger
  readonly input: AsyncIterable<Uint8Array | string>
  /** Events per second; undefined: as fast as the services keep up. */
  readonly rate: number | undefined
  /** Events that are on their way through the services. */
  readonly inProgress: () => number
  readonly onBroken: (broken: BrokenLine) => void
  readonly signal: AbortSignal
}

export interface Intake {
  readonly lines: number
  readonly published: number
  readonly broken: number
}

/** Unconfirmed publishes at the same time: enough to fill batches, few enough to stop soon when the broker does. */
const MAX_UNCONFIRMED = 64
/** Beyond this the input waits for the services, so that a huge file fills neither the broker nor this process. */
const MAX_IN_PROGRESS = 5_000
/** Lines. Counting what is in progress costs more than publishing a line. */
const LOOK_EVERY = 64

const CONTRACTS = new Map(
  [OrderPlaced, OrderAmended].map(contract => [contract.type as string, contract.data] as const),
)

/** Publishes the events of a stream of JSON lines, whole and as they came. A broken line is reported, and the rest goes on. */
export class OrderIntake implements Intake {
  lines = 0
  published = 0
  broken = 0
  readonly #o: IntakeOptions
  readonly #unconfirmed = new Set<Promise<void>>()
  readonly #seen = new Set<string>()

  constructor(options: IntakeOptions) {
    this.#o = options
  }

  /** Resolves when everything is confirmed or reported. @throws what the stream fails with, or the bus once it is useless. */
  async run(): Promise<void> {
    const { input, rate, signal } = this.#o
    const started = performance.now()
    for await (const line of readLines(input)) {
      if (signal.aborted) break
      this.lines++
      if (line.text.trim() === '' && !line.tooLong) continue
      this.#take(line)
      if (this.#unconfirmed.size >= MAX_UNCONFIRMED) await this.#oldest()
      if (rate !== undefined) await pause(started + (this.published / rate) * 1_000 - performance.now())
      if (this.lines % LOOK_EVERY !== 0) continue
      while (this.#o.inProgress() > MAX_IN_PROGRESS && !signal.aborted) await pause(5)
    }
    await Promise.all(this.#unconfirmed)
  }

  /** Confirmations come in about the order of the publishes. */
  #oldest(): Promise<void> | undefined {
    const [oldest] = this.#unconfirmed
    return oldest
  }

  #take(line: Line): void {
    const { bus, ledger } = this.#o
    const event = this.#parse(line)
    if (event === undefined) return
    const account = ledger.accounts['order-desk']
    account.expect(event)
    ledger.published(event)
    const sending = bus.publish(orders, event, { key: (event.data as { orderId: string }).orderId }).then(
      () => void this.published++,
      error => {
        // It may be stored all the same: then it stays in the books, and is missed if it never comes.
        if (!isBusError(error, 'PUBLISH_UNKNOWN')) account.withdraw(event)
        this.#report(line, error instanceof Error ? error.message : String(error))
      },
    )
    this.#unconfirmed.add(sending)
    sending.then(() => this.#unconfirmed.delete(sending))
  }

  #parse(line: Line): CloudEventInput | undefined {
    if (line.tooLong) return this.#report(line, 'is longer than any broker takes')
    let value: unknown
    try {
      value = JSON.parse(line.text)
    } catch (error) {
      return this.#report(line, `is not JSON: ${(error as Error).message}`)
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.#report(line, 'is JSON, but not an object')
    }
    const event = value as CloudEventInput
    const absent = ['specversion', 'id', 'source', 'type'].filter(name => typeof event[name] !== 'string')
    if (absent.length > 0) {
      return this.#report(line, `is not a CloudEvent: ${absent.join(', ')} missing or not a string`)
    }
    const schema = CONTRACTS.get(event.type)
    if (schema === undefined) return this.#report(line, `has type "${event.type}", which no service handles`)
    const result = schema['~standard'].validate(event.data)
    if (result instanceof Promise) throw new Error('the contracts of this service are synchronous')
    const [issue] = result.issues ?? []
    if (issue !== undefined) {
      const path = ['data', ...(issue.path ?? []).map(part => (typeof part === 'object' ? part.key : part))]
      return this.#report(line, `breaks the schema of ${event.type}: ${path.join('.')}: ${issue.message}`)
    }
    const identity = identityOf(event)
    if (this.#seen.has(identity))
      return this.#report(line, `repeats the event "${event.id}" of an earlier line`)
    this.#seen.add(identity)
    return event
  }

  #report(line: Line, reason: string): undefined {
    this.broken++
    this.#o.onBroken({ line: line.number, reason })
  }
}

const pause = async (ms: number): Promise<void> => {
  if (ms > 0) await new Promise(resolve => setTimeout(resolve, ms))
}
