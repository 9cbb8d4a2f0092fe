import { BusError } from '../errors/bus-error.ts'
import type { ManualSettlement } from './delivery.ts'
import type { Engine } from './engine.ts'
import type { Held } from './held.ts'
import type { Preparation } from './preparation.ts'
import { PreparedDelivery } from './prepared-delivery.ts'
import type { Processor } from './processor.ts'
import type { BusSubscription, EventStream, SubscriptionStats } from './subscription.ts'
import { HANDLED, RELEASE, type Verdict } from './verdict.ts'

/** A delivery settled by its reader. */
export class StreamDelivery extends PreparedDelivery implements ManualSettlement {
  #settle: ((verdict: Verdict) => void) | undefined
  #preparation: Preparation | undefined
  #over: Promise<void> = Promise.resolve()

  static from(
    prepared: PreparedDelivery,
    preparation: Preparation,
    settle: (verdict: Verdict) => void,
  ): StreamDelivery {
    const delivery = PreparedDelivery.copyTo(prepared, StreamDelivery)
    delivery.#settle = settle
    delivery.#preparation = preparation
    return delivery
  }

  ack(): Promise<void> {
    return this.#once(HANDLED)
  }

  async retry(options: { readonly delay?: number; readonly error?: unknown } = {}): Promise<void> {
    const { delay } = options
    if (delay !== undefined && !(Number.isFinite(delay) && delay >= 0)) {
      throw new BusError('INVALID_OPTIONS', `retry: delay: ${delay} is not a number of milliseconds`, {
        field: 'delay',
        remedy: 'pass 0 or more milliseconds, or leave it to the retry policy',
      })
    }
    const error = options.error ?? new BusError('HANDLER_FAILED', 'the reader asked for a retry')
    const verdict = this.#preparation?.failed(PreparedDelivery.heldOf(this), error)
    if (verdict === undefined) return
    await this.#once(verdict.kind === 'retry' && delay !== undefined ? { ...verdict, delay } : verdict)
  }

  async deadLetter(reason: string | Error): Promise<void> {
    const error = typeof reason === 'string' ? new BusError('REJECTED', reason) : reason
    const verdict = this.#preparation?.dead('rejected', error)
    if (verdict !== undefined) await this.#once(verdict)
  }

  release(): Promise<void> {
    return this.#once(RELEASE)
  }

  /** The first settlement counts; all of them resolve when it is taken over, or the delivery is no longer ours. */
  #once(verdict: Verdict): Promise<void> {
    const settle = this.#settle
    if (settle !== undefined) {
      this.#settle = undefined
      const held = PreparedDelivery.heldOf(this)
      this.#over = new Promise(resolve => {
        held.onGone = resolve
      })
      settle(verdict)
      // Closed before, or a broadcast whose retry never leaves this process: there is nothing to wait for.
      if (held.state === 'gone' || held.state === 'waiting') held.onGone?.()
    }
    return this.#over
  }
}

type Batch = readonly StreamDelivery[]

/** Hands deliveries to readers as they ask for them. */
export class StreamProcessor implements Processor {
  readonly batchSize: number
  readonly batchWait: number
  readonly #preparation: Preparation
  readonly #readers: ((result: Batch | undefined) => void)[] = []
  /** Ends the wait for deliveries whose reader has gone. */
  readonly #abandon = Promise.withResolvers<void>()
  #ended = false

  constructor(preparation: Preparation, batch: { readonly max: number; readonly wait: number }) {
    this.#preparation = preparation
    this.batchSize = batch.max
    this.batchWait = batch.wait
  }

  /** As many as are waited for: what no reader has asked for stays unstarted, and can be given back. */
  capacity(): number {
    return this.#readers.length
  }

  inspect(held: Held): 'run' | 'suspect' | Verdict {
    return this.#preparation.inspect(held)
  }

  /** The next batch, or undefined at the end. */
  next(): Promise<Batch | undefined> {
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise(resolve => this.#readers.push(resolve))
  }

  end(): void {
    this.#ended = true
    this.#abandon.resolve()
    for (const reader of this.#readers.splice(0)) reader(undefined)
  }

  async run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): Promise<void> {
    // The reader is taken before the first await, so that a second batch does not count on it.
    const reader = this.#readers.shift()
    const deliveries: StreamDelivery[] = []
    const settled: Promise<void>[] = []
    for (const [i, prepared] of (
      await Promise.all(batch.map(held => this.#preparation.prepare(held)))
    ).entries()) {
      const held = batch[i] as Held
      if (!(prepared instanceof PreparedDelivery)) {
        settle(held, prepared)
        continue
      }
      settled.push(
        new Promise(resolve => {
          const done = (verdict: Verdict) => {
            settle(held, verdict)
            resolve()
          }
          deliveries.push(StreamDelivery.from(prepared, this.#preparation, done))
        }),
      )
    }
    if (reader === undefined) {
      for (const delivery of deliveries) void delivery.release()
    } else if (deliveries.length === 0) {
      // Nothing in it for a reader: it goes on waiting, first in line.
      this.#readers.unshift(reader)
    } else reader(deliveries)
    // What a closed stream's reader never settles must not be waited for: it would hold up the process's suspects for ever.
    await Promise.race([Promise.all(settled), this.#abandon.promise])
  }
}

/** The subscription behind a stream. */
type OpenStream = BusSubscription & { readonly engine: Engine }

/** The async iteration over a {@link StreamProcessor}. */
export function eventStream<D>(
  opening: Promise<OpenStream>,
  processor: StreamProcessor,
  pick: (batch: Batch) => D,
  emptyStats: SubscriptionStats,
): EventStream<D> {
  let open: OpenStream | undefined
  let closing: Promise<void> | undefined
  opening.then(
    opened => {
      open = opened
    },
    () => {},
  )
  const close = (): Promise<void> => {
    closing ??= opening.then(
      opened => opened.close(),
      () => processor.end(),
    )
    return closing
  }
  return {
    ready: async () => void (await opening),
    get stats() {
      return open?.stats ?? emptyStats
    },
    close,
    [Symbol.asyncDispose]: close,
    [Symbol.asyncIterator]: () => ({
      async next(): Promise<IteratorResult<D>> {
        const opened = await opening
        if (closing !== undefined || opened.state === 'closed' || opened.state === 'draining') {
          return { done: true, value: undefined }
        }
        const batch = processor.next()
        opened.engine.pump()
        const deliveries = await batch
        return deliveries === undefined
          ? { done: true, value: undefined }
          : { done: false, value: pick(deliveries) }
      },
      async return(): Promise<IteratorResult<D>> {
        await close()
        return { done: true, value: undefined }
      },
    }),
  }
}
