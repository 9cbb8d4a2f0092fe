import { seededRandom } from '@busbar/core/time'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Consumer, consume, message, must, ordered, text, World } from '../harness.ts'

const byKey = { ordering: 'key', partitions: 4 } as const
const of = (key: string, n: number) => message(`${key}${n}`, 'orders', { key })

async function start(members: number, window = 8) {
  const world = new World()
  const consumers: Consumer[] = []
  const broker = await world.with([ordered('orders')], 'member-0')
  for (let i = 0; i < members; i++) {
    const client = i === 0 ? broker : (await world.connect(`member-${i}`)).broker
    if (i > 0) await client.topology({ topics: [ordered('orders')], groups: [] }, 'declare')
    consumers.push(await consume(client, byKey, { window }))
  }
  return { world, broker, consumers }
}

describe('order by key', () => {
  it("gives a key's events to one member at a time, and other keys to others", async () => {
    const { world, broker, consumers } = await start(2)
    await broker.publish([of('a', 1), of('b', 1), of('a', 2), of('b', 2), of('a', 3), of('b', 3)])
    await world.settle()
    const keys = consumers.map(c => new Set(c.got.map(d => d.key)))
    expect(keys.map(k => k.size)).toEqual([1, 1])
    expect(consumers.flatMap(c => c.texts).sort()).toEqual(['a1', 'a2', 'b1', 'b2'])
  })

  it('holds a key until its retry is settled, and lets other keys flow', async () => {
    const { world, broker, consumers } = await start(1, 4)
    const [consumer] = consumers as [Consumer]
    await broker.publish([of('a', 1), of('a', 2), of('b', 1)])
    await world.settle()
    expect(consumer.texts).toEqual(['a1', 'b1'])
    consumer.retry(must(consumer.got[0]), world.clock.now() + 1_000)
    consumer.settle('ack', must(consumer.got[1]))
    await broker.publish([of('b', 2)])
    await world.settle()
    expect(consumer.texts).toEqual(['a1', 'b1', 'b2'])
    await world.clock.advance(1_000)
    expect(consumer.texts.slice(3)).toEqual(['a1'])
    consumer.settle('ack', consumer.last())
    await world.settle()
    expect(consumer.texts.slice(4)).toEqual(['a2'])
  })

  it('pipelines a key to its member and takes releases back in order', async () => {
    const { world, broker, consumers } = await start(2, 16)
    await broker.publish([1, 2, 3, 4, 5, 6].map(n => of('a', n)))
    await world.settle()
    const owner = must(consumers.find(c => c.got.length > 0))
    expect(owner.texts).toEqual(['a1', 'a2', 'a3', 'a4'])
    const [first, second, third, fourth] = owner.got
    owner.settle('release', must(fourth), must(second), must(third), must(first))
    await world.settle()
    const next = consumers.flatMap(c => c.texts.slice(c === owner ? 4 : 0))
    expect(next.slice(0, 4)).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('keeps order when a member crashes with events of a key', async () => {
    const { world, broker, consumers } = await start(2, 16)
    await broker.publish([1, 2, 3, 4].map(n => of('a', n)))
    await world.settle()
    const owner = consumers.findIndex(c => c.got.length > 0)
    const other = must(consumers[1 - owner])
    world.faults.crash(`member-${owner}`)
    await world.settle()
    expect(other.texts).toEqual(['a1', 'a2', 'a3', 'a4'])
    expect(other.got.map(d => d.redeliveries)).toEqual([1, 1, 1, 1])
  })

  it('loses a key as a whole when the lease of one of its events lapses', async () => {
    const { world, broker, consumers } = await start(1, 16)
    const [consumer] = consumers as [Consumer]
    await broker.publish([of('a', 1)])
    await world.clock.advance(10_000)
    await broker.publish([of('a', 2), of('b', 1)])
    await world.clock.advance(20_000)
    expect(consumer.gone.map(text)).toEqual(['a1', 'a2'])
    expect(consumer.texts.filter(t => t.startsWith('a'))).toEqual(['a1', 'a2', 'a1', 'a2'])
  })

  it('fails what stands behind a failed event of its key in one batch, and nothing else', async () => {
    const { world, broker } = await start(1)
    world.faults.refuseNextPublish(1)
    const results = await broker.publish([of('a', 1), of('a', 2), of('b', 1)])
    expect(results.map(r => r.status)).toEqual(['failed', 'failed', 'confirmed'])
    expect(results[1]).toMatchObject({ error: { code: 'PUBLISH_FAILED', retryable: true } })
  })

  it('refuses members that disagree about the order', async () => {
    const { broker } = await start(1)
    await expect(consume(broker, { ordering: 'none' })).rejects.toMatchObject({
      code: 'TOPOLOGY_INCOMPATIBLE',
    })
  })

  it('never lets two members have a key, nor an event overtake one of its key, whatever they do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async seed => {
        const random = seededRandom(seed)
        const pick = (n: number) => Math.floor(random.next() * n)
        const { world, broker, consumers } = await start(3, 6)
        const acked = new Map<string, number[]>()
        const last = new Map<string, number>()
        const check = () => {
          const owners = new Map<string, Consumer>()
          for (const consumer of consumers) {
            for (const { key } of consumer.held) {
              expect(owners.get(must(key)) ?? consumer).toBe(consumer)
              owners.set(must(key), consumer)
            }
            expect(consumer.held.size).toBeLessThanOrEqual(6)
          }
        }
        /** The oldest of a key that this member holds: core handles a key's events one by one. */
        const headOf = (consumer: Consumer) => {
          const held = [...consumer.held]
          const chosen = held[pick(held.length)]
          const same = held.filter(d => d.key === chosen?.key)
          return same.sort((a, b) => Number(a.position) - Number(b.position))
        }
        for (let step = 0; step < 150; step++) {
          const consumer = must(consumers[pick(3)])
          const [head, ...behind] = headOf(consumer)
          const action = pick(10)
          if (action < 4) {
            const key = must('abcd'[pick(4)])
            last.set(key, (last.get(key) ?? 0) + 1)
            await broker.publish([of(key, must(last.get(key)))])
          } else if (head === undefined) {
            await world.clock.advance(pick(500))
          } else if (action < 7) {
            consumer.settle('ack', head)
            acked.set(must(head.key), [...(acked.get(must(head.key)) ?? []), Number(text(head).slice(1))])
          } else if (action === 7) {
            // As core does: what came behind a failed event goes back with it.
            consumer.settle('release', ...behind)
            consumer.retry(head, world.clock.now() + pick(1_000))
          } else if (action === 8) {
            consumer.settle('release', ...behind, head)
          } else {
            const name = `member-${consumers.indexOf(consumer)}`
            world.faults.cut(name)
            await world.settle()
            world.faults.heal(name)
          }
          await world.settle()
          check()
        }
        for (let round = 0; round < 200; round++) {
          await world.clock.advance(1_000)
          const idle = consumers.every(c => c.held.size === 0)
          if (idle) break
          for (const consumer of consumers) {
            const [head] = headOf(consumer)
            if (head === undefined) continue
            consumer.settle('ack', head)
            acked.set(must(head.key), [...(acked.get(must(head.key)) ?? []), Number(text(head).slice(1))])
          }
        }
        await world.clock.advance(2_000)
        for (const [key, count] of last) {
          expect(acked.get(key)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
        }
      }),
      { numRuns: 15, seed: 7 },
    )
  })
})
