import type { Broker } from '../adapter/broker.ts'
import type { DeadItem, DeadLetterSession } from '../adapter/dead-letters.ts'
import { type Envelope, META } from '../adapter/envelope.ts'
import type { SettlementResult } from '../adapter/subscription.ts'
import { requireCapability } from '../bus/capabilities.ts'
import { decodeEvent } from '../cloudevents/decode.ts'
import { adopt } from '../consuming/adopt.ts'
import type { Topic } from '../contracts/index.ts'
import { BusError } from '../errors/bus-error.ts'
import { partitionOf } from '../names/index.ts'
import { checkOptions, custom, fn, number, object } from '../options/index.ts'
import { OutgoingMessage } from '../publishing/outgoing-message.ts'
import type { PublishQueue } from '../publishing/publish-queue.ts'
import type { Clock } from '../time/clock.ts'
import type { DeadLetter, DeadLetterFilter, DeadLetters, RedriveProgress } from './dead-letters.ts'

const PAGE = 100

const signal = custom('an AbortSignal', value => value instanceof AbortSignal)
const listSpec = object({ limit: number({ min: 1, integer: true }), filter: fn() })
const purgeSpec = object({ filter: fn() })
const redriveSpec = object({
  filter: fn(),
  limit: number({ min: 1, integer: true }),
  rate: number({ min: 0.001 }),
  signal,
  onProgress: fn(),
})

export interface DeadLetterQueueOptions {
  readonly adapter: string
  readonly broker: Broker
  readonly queue: PublishQueue
  readonly topic: Topic
  readonly group: string
  readonly clock: Clock
  readonly timeout: number
  /** @throws BusError BUS_CLOSED */
  readonly assertOpen: () => void
}

/** One topic and group's dead letters. Walks sessions of the adapter, oldest first. */
export class DeadLetterQueue implements DeadLetters {
  readonly #o: DeadLetterQueueOptions

  constructor(options: DeadLetterQueueOptions) {
    this.#o = options
  }

  async list(
    options: { readonly limit?: number; readonly filter?: DeadLetterFilter } = {},
  ): Promise<readonly DeadLetter[]> {
    this.#o.assertOpen()
    checkOptions('deadLetters.list options', options, listSpec)
    const { limit = PAGE, filter } = options
    const found: DeadLetter[] = []
    await this.#walk(async items => {
      for (const item of items) {
        const letter = this.#letter(item)
        if (filter === undefined || filter(letter)) found.push(letter)
        if (found.length === limit) return 'stop'
      }
      return 'on'
    })
    return found
  }

  async read(id: string): Promise<DeadLetter> {
    const [letter] = await this.list({ limit: 1, filter: candidate => candidate.id === id })
    if (letter !== undefined) return letter
    throw new BusError(
      'DEAD_LETTER_NOT_FOUND',
      `no dead letter "${id}" in "${this.#o.topic.name}" of group "${this.#o.group}"`,
      {
        field: 'id',
        remedy:
          'it was redriven or purged, or belongs to another topic and group; list() shows what is there',
      },
    )
  }

  async redrive(options: Parameters<DeadLetters['redrive']>[0] = {}): Promise<RedriveProgress> {
    this.#o.assertOpen()
    checkOptions('deadLetters.redrive options', options, redriveSpec)
    const { filter, limit = Number.POSITIVE_INFINITY, rate, onProgress } = options
    if (filter !== undefined) this.#requireSelective('filter')
    else if (limit !== Number.POSITIVE_INFINITY) this.#requireSelective('limit')
    let redriven = 0
    let kept = 0
    const startedAt = this.#o.clock.now()
    await this.#walk(async (items, session) => {
      const chosen: DeadItem[] = []
      for (const item of items) {
        if (options.signal?.aborted) throw abortedBy(options.signal)
        if (redriven + chosen.length >= limit) break
        if (filter !== undefined && !filter(this.#letter(item))) continue
        if (this.#envelope(item) === undefined) {
          kept++
          continue
        }
        if (rate !== undefined) {
          // One by one against the clock: a burst at the start of each page would defeat the limit.
          await this.#pause(startedAt + (redriven / rate) * 1000, options.signal)
          const moved = await this.#move([item], session)
          redriven += moved
          kept += 1 - moved
          onProgress?.({ redriven, kept })
        } else chosen.push(item)
      }
      if (chosen.length > 0) {
        const moved = await this.#move(chosen, session)
        redriven += moved
        kept += chosen.length - moved
        onProgress?.({ redriven, kept })
      }
      return redriven >= limit ? 'stop' : 'on'
    })
    return { redriven, kept }
  }

  async purge(options: { readonly filter?: DeadLetterFilter } = {}): Promise<number | null> {
    this.#o.assertOpen()
    checkOptions('deadLetters.purge options', options, purgeSpec)
    const { filter } = options
    const { topic, group } = this.#o
    if (filter === undefined) return this.#o.broker.deadLetters.purge({ topic: topic.name, group })
    this.#requireSelective('filter')
    let removed = 0
    await this.#walk(async (items, session) => {
      const chosen = items.filter(item => filter(this.#letter(item)))
      for (const result of chosen.length === 0 ? [] : await session.remove(chosen)) {
        assertRemoved(result)
        removed++
      }
      return 'on'
    })
    return removed
  }

  async #walk(
    visit: (items: readonly DeadItem[], session: DeadLetterSession) => Promise<'on' | 'stop'>,
  ): Promise<void> {
    const { broker, topic, group } = this.#o
    await using session = await broker.deadLetters.open({ topic: topic.name, group })
    for (let items = await session.next(PAGE); items.length > 0; items = await session.next(PAGE)) {
      if ((await visit(items, session)) === 'stop') return
    }
  }

  /** Publishes copies to the group's inbox, then removes those that are confirmed; how many. */
  async #move(items: readonly DeadItem[], session: DeadLetterSession): Promise<number> {
    const { queue, timeout, topic } = this.#o
    const results = await Promise.allSettled(
      items.map(item =>
        queue.enqueue(this.#copy(item), item.id, {
          timeout,
          ordered: topic.ordered,
          once: false,
          signal: undefined,
        }),
      ),
    )
    const confirmed = items.filter((_, i) => results[i]?.status === 'fulfilled')
    if (confirmed.length > 0) for (const result of await session.remove(confirmed)) assertRemoved(result)
    return confirmed.length
  }

  #copy(item: DeadItem): OutgoingMessage {
    const { group, topic } = this.#o
    const redrives = Number(item.meta[META.redrives] ?? 0) + 1
    const envelope = this.#envelope(item)
    if (envelope === undefined)
      throw new BusError('INTERNAL', `dead letter ${item.id} cannot be made an event`)
    const data = item.meta[META.data]
    const partition =
      item.key === undefined || topic.partitions === 1 ? 0 : partitionOf(item.key, topic.partitions)
    return new OutgoingMessage(
      { kind: 'inbox', topic: item.topic, group, partition },
      // Attempts begin anew: of the failure nothing is carried but how often it has been redriven.
      {
        ...envelope,
        meta: { ...(data === undefined ? {} : { [META.data]: data }), [META.redrives]: String(redrives) },
      },
      { key: item.key },
      `redrive-${redrives}`,
    )
  }

  /** What can be redriven: a message that is no CloudEvent only if the topic's hook makes one of it by now. */
  #envelope(item: DeadItem): Envelope | undefined {
    const { decode } = this.#o.topic
    if (item.envelope !== null || item.raw === undefined || decode === undefined)
      return item.envelope ?? undefined
    try {
      return adopt(item.raw, decode)
    } catch {
      return undefined
    }
  }

  async #pause(until: number, aborted: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#o
    const wait = until - clock.now()
    if (wait <= 0) return
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        timer.cancel()
        reject(abortedBy(aborted))
      }
      const timer = clock.setTimer(
        wait,
        () => {
          aborted?.removeEventListener('abort', onAbort)
          resolve()
        },
        { keepAlive: true },
      )
      aborted?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #requireSelective(field: string): void {
    requireCapability(this.#o.adapter, this.#o.broker.capabilities, 'dead-letter.selective', field)
  }

  #letter(item: DeadItem): DeadLetter {
    const { meta } = item
    const when = (key: string) => {
      const time = Date.parse(meta[key] ?? '')
      return Number.isNaN(time) ? undefined : new Date(time)
    }
    const defined = <T extends object>(fields: T): { [K in keyof T]: NonNullable<T[K]> } =>
      Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
    return {
      id: item.id,
      topic: item.topic,
      group: this.#o.group,
      event: eventOf(item),
      body: item.envelope === null || item.envelope.body === null ? null : new Uint8Array(item.envelope.body),
      headers: item.envelope?.headers ?? item.raw?.headers ?? [],
      reason: meta[META.reason] ?? 'unknown',
      attempts: Number(meta[META.failures] ?? 0),
      error: defined({
        class: meta[META.errorClass],
        code: meta[META.errorCode],
        message: meta[META.errorMessage],
        stack: meta[META.errorStack],
      }) as DeadLetter['error'],
      redrives: Number(meta[META.redrives] ?? 0),
      ...defined({
        key: item.key,
        raw: item.raw,
        firstFailure: when(META.firstFailure),
        lastFailure: when(META.lastFailure),
        deadAt: when(META.deadAt),
      }),
    } as DeadLetter
  }
}

/** An event whose data cannot be decoded is shown without it; its bytes are in `body`. */
function eventOf(item: DeadItem): DeadLetter['event'] {
  if (item.envelope === null) return null
  try {
    return decodeEvent(item.envelope)
  } catch {
    return { ...item.envelope.attributes } as DeadLetter['event']
  }
}

function assertRemoved(result: SettlementResult): void {
  if (result.status !== 'failed') return
  throw new BusError('SETTLEMENT_FAILED', 'a dead letter could not be removed', {
    cause: result.error,
    retryable: result.retryable,
    remedy: 'it may be there twice now: look at list() before redriving again',
  })
}

const abortedBy = (signal: AbortSignal | undefined) =>
  new BusError('ABORTED', 'the redrive was aborted by its caller', {
    cause: signal?.reason,
    remedy: 'what was redriven so far is gone from the queue, the rest is still there',
  })
