import type { Buffer } from 'node:buffer'
import type { Settlement } from '@busbar/core/adapter'
import { NotSent } from '../connection/link.ts'
import { isReplyError } from '../errors.ts'
import { RECLAIM_ORDERED, SETTLE_ORDERED, TAKE } from '../scripts/ordered.ts'
import type { Fields } from '../wire/entry.ts'
import { failed, Member } from './member.ts'
import { RedisDelivery, type StreamIndex } from './redis-delivery.ts'
import { type ScriptEntry, texts } from './replies.ts'
import { extraFields, resultOf } from './settlement.ts'

type OrderedEntry = readonly [...ScriptEntry, meta: Buffer]
type TakeReply = readonly [OrderedEntry[], main: Buffer, inbox: Buffer, wake: Buffer, next: Buffer]

/** Entries a script looks at in one call: those of locked keys are put aside and do not count as taken. */
const BUDGET = 500

/** A member of a group of an ordered topic: takes what no key's predecessor holds up. */
export class OrderedMember extends Member {
  /** The last ids of main, inbox and wake when there was nothing to take: what comes after them is news. */
  #seen: readonly [string, string, string] = ['$', '$', '$']
  #next: number | undefined
  #taking: Promise<void> | undefined
  #again = false

  protected async read(): Promise<void> {
    const { keys, block } = this.o
    await this.#take()
    if (this.holding.free <= 0) return
    const wait = Math.max(1, Math.min(block, this.#next ?? block))
    await this.reader.call(
      'XREAD',
      ['COUNT', 1, 'BLOCK', wait, 'STREAMS', keys.stream, keys.inbox, keys.wake, ...this.#seen],
      wait,
    )
  }

  /** One at a time; asked for meanwhile, once more. */
  #take(): Promise<void> {
    this.#again = true
    this.#taking ??= this.#takeAll().finally(() => {
      this.#taking = undefined
    })
    return this.#taking
  }

  async #takeAll(): Promise<void> {
    const { spec, consumer, link } = this.o
    while (this.#again && this.holding.free > 0) {
      this.#again = false
      const count = Math.min(this.holding.free, BUDGET)
      const reply = (await link.run(TAKE, this.#keys(), [spec.group, consumer, count, BUDGET])) as TakeReply
      const [entries, main, inbox, wake, next] = reply
      this.#seen = [String(main), String(inbox), String(wake)]
      this.#next = next.length === 0 ? undefined : Number(String(next))
      if (entries.length === count) this.#again = true
      if (entries.length === 0) continue
      await this.took(entries.map(entry => this.#deliveryOf(entry)))
    }
  }

  #deliveryOf([stream, id, deliveries, marks, fields, meta]: OrderedEntry): RedisDelivery {
    return new RedisDelivery(this.o.spec.topic, Number(stream) as StreamIndex, String(id), fields, {
      deliveries: Number(deliveries),
      marks: Number(String(marks)),
      ...(meta.length === 0 ? {} : { meta: JSON.parse(String(meta)) as Record<string, string> }),
    })
  }

  protected async settleAll(batch: readonly Settlement[]): Promise<void> {
    let answers: string[]
    try {
      answers = await this.#settle(batch)
    } catch (error) {
      if (!isReplyError(error) && !(error instanceof NotSent))
        for (const { delivery } of batch) (delivery as RedisDelivery).uncertain = true
      this.report(batch, failed(error))
      return
    }
    this.reportEach(
      batch,
      batch.map((settlement, i) => resultOf(answers[i] ?? 'lost', settlement)),
    )
    // A key that was given up may have its next one ready, and the blocked read does not see that.
    if (this.holding.free > 0) this.#take().catch(error => this.callFailed(error, 'take'))
  }

  async #settle(batch: readonly Settlement[]): Promise<string[]> {
    const { spec, consumer, link } = this.o
    const args: Fields = [spec.group, consumer]
    for (const settlement of batch) {
      const delivery = settlement.delivery as RedisDelivery
      const fields = settlement.kind === 'dead' ? extraFields(settlement) : []
      args.push(
        KINDS[settlement.kind],
        String(delivery.stream),
        delivery.id,
        settlement.kind === 'retry' ? String(settlement.notBefore) : '0',
        String(delivery.marks),
        settlement.kind === 'retry' ? JSON.stringify(settlement.meta) : '',
        String(fields.length),
        ...fields,
      )
    }
    return texts(await link.run(SETTLE_ORDERED, this.#keys(), args))
  }

  protected async giveBack(entries: readonly RedisDelivery[]): Promise<void> {
    if (entries.length > 0) await this.#settle(entries.map(delivery => ({ kind: 'release', delivery })))
  }

  protected async fetch(refs: readonly (readonly [stream: string, id: string])[]): Promise<void> {
    const { spec, consumer, link } = this.o
    const args: string[] = [spec.group, consumer]
    // Given back, so that they come again by their keys.
    for (const [stream, id] of refs) args.push('l', stream, id, '0', 'keep', '', '0')
    await link.run(SETTLE_ORDERED, this.#keys(), args)
  }

  protected async reclaim(): Promise<void> {
    const { spec, consumer, link } = this.o
    const found = Number(await link.run(RECLAIM_ORDERED, this.#keys(), [spec.group, consumer]))
    if (found > 0) await this.#take()
  }

  #keys(): string[] {
    const k = this.o.keys
    return [k.stream, k.inbox, k.marks, k.locks, k.waiting, k.ready, k.backoff, k.retryMeta, k.dead, k.wake]
  }
}

const KINDS = { ack: 'a', release: 'l', retry: 'r', dead: 'd' } as const
