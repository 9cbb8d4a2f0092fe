import { topic } from '@busbar/core'
import { seededRandom } from '@busbar/core/time'
import { MemoryBroker } from '@busbar/memory'
import { expect, test } from 'vitest'
import { memoryWorld, plain, type World, watch } from '../support/world.ts'

const KEYS = ['a', 'b', 'c', 'd']
const EACH = 25

/** Publishes to every key, with two members that sometimes fail, on a broker with the given faults. */
async function storm(ordered: boolean, seed: number) {
  const broker = new MemoryBroker({
    faults: {
      seed,
      dropConnection: 0.02,
      outage: 300,
      failConfirm: 0.05,
      refusePublish: 0.05,
      failSettle: 0.1,
      crashConsumer: 0.02,
      delay: { probability: 0.2, max: 40 },
    },
  })
  const orders = topic('orders', { ordered, partitions: 4 })
  const publisher = await memoryWorld({ clientName: 'publisher' }, broker)
  const { clock } = publisher
  const random = seededRandom(seed)
  const handled: { key: string; number: number }[] = []
  const member = async (clientName: string): Promise<World> => {
    const world = await memoryWorld({ clientName, clock }, broker)
    const opening = world.bus.subscribe(
      orders,
      { group: 'g', concurrency: 4, retry: { attempts: 1_000, backoff: { kind: 'fixed', delay: 20 } } },
      async ({ event, signal }) => {
        const [key, number] = event.id.split('-') as [string, string]
        await new Promise<void>(resolve => clock.setTimer(Math.floor(random.next() * 30), resolve))
        if (signal.aborted) return
        if (random.next() < 0.1) throw new Error('now and then')
        handled.push({ key, number: Number(number) })
      },
    )
    // The broker's answers take their time too, and that time is virtual.
    const opened = watch(opening)
    await clock.advanceUntil(() => opened.state !== 'pending')
    expect(opened.error).toBe(undefined)
    return world
  }
  const members = [await member('one'), await member('two')]
  const all = Array.from({ length: EACH }, (_, i) =>
    KEYS.map(key =>
      watch(publisher.bus.publish(orders, plain(`${key}-${i}`, { partitionkey: key }), { timeout: 600_000 })),
    ),
  ).flat()
  const seen = () => new Set(handled.map(h => `${h.key}-${h.number}`))
  const done = () => all.every(p => p.state === 'resolved') && seen().size === KEYS.length * EACH
  await clock.advanceUntil(done, 600_000)
  return { handled, clock, broker, worlds: [publisher, ...members] }
}

test.each([1, 2, 3, 4])('every confirmed event is handled, and settled in the end (seed %i)', async seed => {
  const { worlds, clock, broker } = await storm(false, seed)
  // Events whose acknowledgement was lost are handled once more.
  const left = () =>
    broker.inspect().queues.reduce((sum, q) => sum + q.ready + q.inFlight + q.delayed + q.dead, 0)
  await clock.advanceUntil(() => left() === 0, 600_000)
  for (const { bus } of worlds) {
    const drained = watch(bus.drain({ deadline: 60_000 }))
    await clock.advanceUntil(() => drained.state !== 'pending')
    expect([drained.state, drained.error?.message]).toEqual(['resolved', undefined])
  }
  expect(left()).toBe(0)
})

test.each([1, 2, 3, 4])(
  'the events of a key are handled in publish order, whatever breaks (seed %i)',
  async seed => {
    const { handled } = await storm(true, seed)
    for (const key of KEYS) {
      const first = [...new Set(handled.filter(h => h.key === key).map(h => h.number))]
      expect(first).toEqual(Array.from({ length: EACH }, (_, i) => i))
    }
  },
)
