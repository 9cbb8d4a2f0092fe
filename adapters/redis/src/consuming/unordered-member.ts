import { BusError, META, type Settlement, type SettlementResult } from '@busbar/core/adapter'
import { NotSent } from '../connection/link.ts'
import { isReplyError, replyError } from '../errors.ts'
import { FETCH, RECLAIM } from '../scripts/recover.ts'
import { ACK, SETTLE } from '../scripts/settle.ts'
import { copyFields, type Fields } from '../wire/entry.ts'
import { failed, Member } from './member.ts'
import { RedisDelivery } from './redis-delivery.ts'
import { fromScript, type ScriptEntry, type StreamReply, texts } from './replies.ts'

const DONE: SettlementResult = { status: 'done' }
/** Entries in one read: enough to be fast, few enough that a reply does not hold others up. */
const MOST = 500

/** A member of a group whose events may be handled in any order. */
export class UnorderedMember extends Member {
  protected async read(): Promise<void> {
    const { keys, spec, consumer, block } = this.o
    while (!this.stopped && this.reader.state === 'up') {
      const { free } = this
      if (free <= 0) {
        await this.room()
        continue
      }
      // COUNT is per stream; a window of one may get one too many, which is held back.
      const count = Math.min(MOST, Math.max(1, free >> 1))
      const reply = (await this.reader.call(
        'XREADGROUP',
        [
          'GROUP',
          spec.group,
          consumer,
          'COUNT',
          count,
          'BLOCK',
          block,
          'STREAMS',
          keys.inbox,
          keys.stream,
          '>',
          '>',
        ],
        block,
      )) as StreamReply
      if (reply !== null) this.#received(reply)
    }
  }

  #received(reply: NonNullable<StreamReply>): void {
    const entries: RedisDelivery[] = []
    for (const [name, raw] of reply) {
      const stream = String(name) === this.o.keys.inbox ? 2 : 1
      for (const [id, fields] of raw)
        if (fields !== null) entries.push(new RedisDelivery(this.o.spec.topic, stream, String(id), fields))
    }
    this.deliver(entries)
    if (this.stopped) {
      const late = this.surplus.splice(0)
      this.giveBack(late).catch(error => this.callFailed(error, 'release'))
    }
  }

  protected async settleAll(batch: readonly Settlement[]): Promise<void> {
    const acks = batch.filter(s => s.kind === 'ack')
    const others = batch.filter(s => s.kind !== 'ack')
    await Promise.all([
      acks.length === 0 ? undefined : this.#ack(acks),
      others.length === 0 ? undefined : this.#move(others),
    ])
  }

  async #ack(batch: readonly Settlement[]): Promise<void> {
    const now = this.o.context.clock.now()
    // Nobody takes an entry over within our lease. Beyond it somebody may have it by now, and XACK does not ask whose it is.
    const safe = ({ delivery }: Settlement) =>
      now - (delivery as RedisDelivery).leasedAt < this.o.spec.lease * 0.9
    const late = batch.filter(settlement => !safe(settlement))
    await Promise.all([
      late.length === batch.length
        ? undefined
        : this.#ackOurs(late.length === 0 ? batch : batch.filter(safe)),
      late.length === 0 ? undefined : this.#ackIfOurs(late),
    ])
  }

  async #ackOurs(batch: readonly Settlement[]): Promise<void> {
    const { keys, spec, link } = this.o
    const deliveries = batch.map(s => s.delivery as RedisDelivery)
    const ids = (stream: number) => deliveries.filter(d => d.stream === stream).map(d => d.id)
    const [main, inbox] = [ids(1), ids(2)]
    const marked = deliveries.filter(d => d.marks > 0 || d.redeliveries > 0)
    try {
      await Promise.all([
        main.length === 0 ? undefined : link.call('XACK', [keys.stream, spec.group, ...main]),
        inbox.length === 0 ? undefined : link.call('XACK', [keys.inbox, spec.group, ...inbox]),
        // Nobody else reads the inbox: what is settled there is gone.
        inbox.length === 0 ? undefined : link.call('XDEL', [keys.inbox, ...inbox]),
        marked.length === 0 ? undefined : link.call('HDEL', [keys.marks, ...marked.map(d => d.ref)]),
      ])
      this.report(batch, DONE)
    } catch (error) {
      this.#failed(batch, error)
    }
  }

  async #ackIfOurs(batch: readonly Settlement[]): Promise<void> {
    const { keys, spec, consumer, link } = this.o
    const args = batch.flatMap(({ delivery }) => [
      String((delivery as RedisDelivery).stream),
      (delivery as RedisDelivery).id,
    ])
    try {
      const answers = (await link.run(
        ACK,
        [keys.stream, keys.inbox, keys.marks],
        [spec.group, consumer, ...args],
      )) as number[]
      this.reportEach(
        batch,
        batch.map((settlement, i) => resultOf(Number(answers[i]) === 1 ? 'done' : 'lost', settlement)),
      )
    } catch (error) {
      this.#failed(batch, error)
    }
  }

  #failed(batch: readonly Settlement[], error: unknown): void {
    // Sent, and the answer lost: it may have been done.
    if (!isReplyError(error) && !(error instanceof NotSent))
      for (const { delivery } of batch) (delivery as RedisDelivery).uncertain = true
    this.report(batch, failed(error))
  }

  async #move(batch: readonly Settlement[]): Promise<void> {
    const args: Fields = []
    for (const settlement of batch) {
      const delivery = settlement.delivery as RedisDelivery
      const fields = extraFields(settlement)
      args.push(
        settlement.kind === 'release' ? 'l' : settlement.kind === 'retry' ? 'r' : 'd',
        String(delivery.stream),
        delivery.id,
        settlement.kind === 'retry' ? String(settlement.notBefore) : '0',
        String(fields.length),
        ...fields,
      )
    }
    let answers: string[]
    try {
      answers = await this.#settle(args)
    } catch (error) {
      this.#failed(batch, error)
      return
    }
    for (const settlement of batch) if (settlement.kind === 'retry') this.o.onDelayed(settlement.notBefore)
    this.reportEach(
      batch,
      batch.map((settlement, i) => resultOf(answers[i] ?? 'lost', settlement)),
    )
  }

  async #settle(args: Fields): Promise<string[]> {
    const { keys, spec, consumer, link } = this.o
    return texts(
      await link.run(
        SETTLE,
        [keys.stream, keys.inbox, keys.delayed, keys.delayedBodies, keys.dead, keys.marks],
        [spec.group, consumer, ...args],
      ),
    )
  }

  protected async giveBack(entries: readonly RedisDelivery[]): Promise<void> {
    if (entries.length === 0) return
    const args: Fields = []
    for (const delivery of entries) {
      const fields = extraFields({ kind: 'release', delivery })
      args.push('l', String(delivery.stream), delivery.id, '0', String(fields.length), ...fields)
    }
    await this.#settle(args)
  }

  protected async fetch(refs: readonly (readonly [string, string])[]): Promise<void> {
    const { keys, spec, consumer, link } = this.o
    const found = (await link.run(
      FETCH,
      [keys.stream, keys.inbox, keys.marks],
      [spec.group, consumer, ...refs.flat()],
    )) as ScriptEntry[]
    this.deliver(found.map(entry => fromScript(spec.topic, entry)))
  }

  protected async reclaim(): Promise<void> {
    const { keys, spec, consumer, link } = this.o
    const found = (await link.run(
      RECLAIM,
      [keys.stream, keys.inbox, keys.marks],
      [spec.group, consumer, Math.min(this.free, MOST)],
    )) as ScriptEntry[]
    if (found.length > 0) this.deliver(found.map(entry => fromScript(spec.topic, entry)))
  }
}

/** What the copy has beside the original's fields. A marked start that has its outcome, or was given back, is forgotten. */
export function extraFields(settlement: Settlement): Fields {
  const delivery = settlement.delivery as RedisDelivery
  const { key, position, redeliveries, marks, structured } = delivery
  const meta: Record<string, string> = 'meta' in settlement ? { ...settlement.meta } : { ...delivery.meta }
  if (settlement.kind !== 'dead' && marks > 0) meta[META.marks] = String(marks)
  if (settlement.kind === 'retry') meta[META.notBefore] = String(settlement.notBefore)
  return copyFields(
    meta,
    settlement.kind === 'dead' ? { key } : { key, position, redelivered: redeliveries },
    structured,
  )
}

/** What a settling script's answer means to core. */
export function resultOf(answer: string, { delivery, kind }: Settlement): SettlementResult {
  switch (answer) {
    case 'done':
      return DONE
    case 'lost':
      // Our first try had been done, and only its answer was lost.
      return (delivery as RedisDelivery).uncertain ? DONE : { status: 'lost', copied: false }
    case 'gone': {
      const error = new BusError(
        'SETTLEMENT_FAILED',
        `the entry was deleted from the stream before it could be copied (${kind})`,
        {
          remedy: 'do not trim streams by hand: Busbar trims what every group has settled',
        },
      )
      return { status: 'failed', error, retryable: false, copy: 'none' }
    }
    default: {
      const error = replyError(answer)
      return { status: 'failed', error, retryable: error.retryable, copy: 'none' }
    }
  }
}
