import type { Settlement } from '@busbar/core/adapter'
import { NotSent } from '../connection/link.ts'
import { isReplyError } from '../errors.ts'
import { FETCH, RECLAIM } from '../scripts/recover.ts'
import { ACK, SETTLE } from '../scripts/settle.ts'
import type { Fields } from '../wire/entry.ts'
import { DONE, failed, Member } from './member.ts'
import { RedisDelivery } from './redis-delivery.ts'
import { fromScript, type ScriptEntry, type StreamReply, texts } from './replies.ts'
import { extraFields, resultOf } from './settlement.ts'

/** Entries in one read: enough to be fast, few enough that a reply does not hold others up. */
const MOST = 500

/** A member of a group whose events may be handled in any order. */
export class UnorderedMember extends Member {
  protected async read(free: number): Promise<void> {
    let reply = await this.#request(free)
    while (reply !== null) {
      // The next read is on its way while these are handled: else server and client would wait for each other in turns.
      const left = this.holding.free - entriesIn(reply)
      const next = left > 0 ? this.#request(left) : undefined
      this.#received(reply)
      reply = next === undefined ? null : await next
    }
  }

  #request(free: number): Promise<StreamReply> {
    const { keys, spec, consumer, block } = this.o
    // COUNT is per stream; a window of one may get one too many, which is held back.
    const count = Math.min(MOST, Math.max(1, free >> 1))
    const streams = ['STREAMS', keys.inbox, keys.stream, '>', '>']
    const args = ['GROUP', spec.group, consumer, 'COUNT', count, 'BLOCK', block, ...streams]
    return this.reader.call('XREADGROUP', args, block) as Promise<StreamReply>
  }

  #received(reply: NonNullable<StreamReply>): void {
    const { topic } = this.o.spec
    const deliveries: RedisDelivery[] = []
    for (const [name, entries] of reply) {
      const stream = String(name) === this.o.keys.inbox ? 2 : 1
      for (const [id, fields] of entries)
        if (fields !== null) deliveries.push(new RedisDelivery(topic, stream, id.toString('latin1'), fields))
    }
    void this.took(deliveries)
  }

  protected async settleAll(batch: readonly Settlement[]): Promise<void> {
    const acks = batch.filter(s => s.kind === 'ack')
    if (acks.length === batch.length) return this.#ack(batch)
    const others = batch.filter(s => s.kind !== 'ack')
    await Promise.all([
      acks.length === 0 ? undefined : this.#ack(acks),
      others.length === 0 ? undefined : this.#move(others),
    ])
  }

  async #ack(batch: readonly Settlement[]): Promise<void> {
    // Nobody takes an entry over within our lease. Beyond it somebody may have it by now, and XACK does not ask whose it is.
    const since = this.o.context.clock.now() - this.o.spec.lease * 0.9
    const late = batch.filter(({ delivery }) => (delivery as RedisDelivery).leasedAt <= since)
    if (late.length === 0) return this.#ackOurs(batch)
    const ours = batch.filter(({ delivery }) => (delivery as RedisDelivery).leasedAt > since)
    await Promise.all([ours.length === 0 ? undefined : this.#ackOurs(ours), this.#ackIfOurs(late)])
  }

  async #ackOurs(batch: readonly Settlement[]): Promise<void> {
    const { keys, spec, link } = this.o
    const main = [keys.stream, spec.group]
    const inbox: string[] = []
    const marked: string[] = []
    for (const settlement of batch) {
      const delivery = settlement.delivery as RedisDelivery
      if (delivery.stream === 1) main.push(delivery.id)
      else inbox.push(delivery.id)
      if (delivery.marks > 0 || delivery.redeliveries > 0) marked.push(delivery.ref)
    }
    try {
      await Promise.all([
        main.length === 2 ? undefined : link.call('XACK', main),
        inbox.length === 0 ? undefined : link.call('XACK', [keys.inbox, spec.group, ...inbox]),
        // Nobody else reads the inbox: what is settled there is gone.
        inbox.length === 0 ? undefined : link.call('XDEL', [keys.inbox, ...inbox]),
        marked.length === 0 ? undefined : link.call('HDEL', [keys.marks, ...marked]),
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
    await this.took(found.map(entry => fromScript(spec.topic, entry)))
  }

  protected async reclaim(): Promise<void> {
    const { keys, spec, consumer, link } = this.o
    const found = (await link.run(
      RECLAIM,
      [keys.stream, keys.inbox, keys.marks],
      [spec.group, consumer, Math.min(this.holding.free, MOST)],
    )) as ScriptEntry[]
    if (found.length > 0) await this.took(found.map(entry => fromScript(spec.topic, entry)))
  }
}

function entriesIn(reply: NonNullable<StreamReply>): number {
  let count = 0
  for (const [, entries] of reply) count += entries.length
  return count
}
