import { expect, test } from 'vitest'
import { memoryWorld, plain, scriptedWorld, watch } from '../support/world.ts'

/** A group whose handler fails until it is mended; `handled` says what came through. */
async function failing(ids: readonly string[]) {
  const world = await memoryWorld()
  const { bus, clock } = world
  const state = { broken: true, handled: [] as string[] }
  await bus.subscribe('orders', { group: 'g', retry: { attempts: 1 } }, ({ event, attempt }) => {
    if (state.broken) throw new TypeError(`cannot handle ${event.id}`)
    state.handled.push(`${event.id}#${attempt}`)
  })
  for (const id of ids) {
    await bus.publish('orders', plain(id), { headers: [['x-tenant', 'acme']] })
    await clock.advance(1_000)
  }
  return { ...world, state, letters: bus.deadLetters('orders', 'g') }
}

test('list and read: the event as it was, and everything that is known of the failure', async () => {
  const { letters, clock } = await failing(['a', 'b', 'c'])
  const all = await letters.list()
  expect(all.map(l => l.event?.id)).toEqual(['a', 'b', 'c'])
  expect(all[1]).toMatchObject({
    topic: 'orders',
    group: 'g',
    event: { id: 'b', data: { id: 'b' } },
    headers: [['x-tenant', 'acme']],
    reason: 'attempts-exhausted',
    attempts: 1,
    redrives: 0,
    error: { class: 'TypeError', message: 'cannot handle b', stack: expect.stringContaining('TypeError') },
    deadAt: new Date(clock.now() - 2_000),
    firstFailure: new Date(clock.now() - 2_000),
  })
  expect(new TextDecoder().decode(all[1]?.body ?? undefined)).toBe('{"id":"b"}')
  expect((await letters.list({ limit: 2 })).length).toBe(2)
  expect((await letters.list({ filter: l => l.event?.id === 'c' })).length).toBe(1)
  expect(await letters.read(all[2]?.id ?? '')).toMatchObject({ event: { id: 'c' } })
  await expect(letters.read('nope')).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND', field: 'id' })
})

test('redrive moves all back to the group, where their attempts begin anew', async () => {
  const { letters, state, clock } = await failing(['a', 'b'])
  state.broken = false
  expect(await letters.redrive()).toEqual({ redriven: 2, kept: 0 })
  await clock.settle()
  expect(state.handled).toEqual(['a#1', 'b#1'])
  expect(await letters.list()).toEqual([])
})

test('one that fails again after its redrive is dead again, once, and says how often it was redriven', async () => {
  const { letters, clock } = await failing(['a'])
  await letters.redrive()
  await clock.settle()
  await letters.redrive()
  await clock.settle()
  expect(await letters.list()).toMatchObject([{ event: { id: 'a' }, attempts: 1, redrives: 2 }])
})

test('redrive by filter, up to a limit, and with its progress', async () => {
  const { letters, state, clock } = await failing(['a', 'b', 'c', 'd'])
  state.broken = false
  const progress: number[] = []
  await letters.redrive({
    filter: l => l.event?.id !== 'a',
    limit: 2,
    onProgress: p => progress.push(p.redriven),
  })
  await clock.settle()
  expect(state.handled).toEqual(['b#1', 'c#1'])
  expect(progress.at(-1)).toBe(2)
  expect((await letters.list()).map(l => l.event?.id)).toEqual(['a', 'd'])
})

test('redrive at a rate spreads them over time', async () => {
  const { letters, state, clock } = await failing(['a', 'b', 'c'])
  state.broken = false
  const done = watch(letters.redrive({ rate: 2 }))
  await clock.settle()
  expect(state.handled).toHaveLength(1)
  await clock.advance(499)
  expect(state.handled).toHaveLength(1)
  await clock.advance(501)
  expect([state.handled.length, done.value]).toEqual([3, { redriven: 3, kept: 0 }])
})

test('an aborted redrive rejects with ABORTED; what it had not moved stays', async () => {
  const { letters, state, clock } = await failing(['a', 'b', 'c'])
  state.broken = false
  const stop = new AbortController()
  const done = watch(letters.redrive({ rate: 1, signal: stop.signal }))
  await clock.settle()
  stop.abort()
  await clock.settle()
  expect(done.error?.code).toBe('ABORTED')
  expect((await letters.list()).map(l => l.event?.id)).toEqual(['b', 'c'])
})

test('a refused copy stays where it was and is counted as kept', async () => {
  const { letters, state, broker } = await failing(['a'])
  state.broken = false
  const { BusError } = await import('@busbar/core')
  broker.faults.refuseNextPublish(1, new BusError('BROKER_REJECTED', 'not now'))
  expect(await letters.redrive()).toEqual({ redriven: 0, kept: 1 })
  expect(await letters.list()).toHaveLength(1)
})

test('purge removes all, or those that a filter accepts', async () => {
  const { letters } = await failing(['a', 'b', 'c'])
  expect(await letters.purge({ filter: l => l.event?.id === 'b' })).toBe(1)
  expect((await letters.list()).map(l => l.event?.id)).toEqual(['a', 'c'])
  expect(await letters.purge()).toBe(2)
  expect(await letters.list()).toEqual([])
})

test('redrive and purge by a filter need the capability; all of them do not', async () => {
  const { bus } = await scriptedWorld({ without: ['dead-letter.selective'] })
  const letters = bus.deadLetters('orders', 'g')
  const unsupported = (field: string) => expect.objectContaining({ code: 'CAPABILITY_UNSUPPORTED', field })
  await expect(letters.redrive({ filter: () => true })).rejects.toEqual(unsupported('filter'))
  await expect(letters.redrive({ limit: 1 })).rejects.toEqual(unsupported('limit'))
  await expect(letters.purge({ filter: () => true })).rejects.toEqual(unsupported('filter'))
  expect(await letters.redrive()).toEqual({ redriven: 0, kept: 0 })
  expect(await letters.purge()).toBe(null)
})

test('an undecodable letter shows its bytes and is kept by a redrive', async () => {
  const raw = { body: new Uint8Array([1, 2]), headers: [['x', 'y'] as const] }
  const { bus } = await scriptedWorld({
    deadLetters: [{ id: '1', topic: 'orders', envelope: null, raw, meta: {} }],
  })
  const letters = bus.deadLetters('orders', 'g')
  expect(await letters.list()).toMatchObject([
    { event: null, body: null, raw, headers: raw.headers, reason: 'unknown' },
  ])
  expect(await letters.redrive()).toEqual({ redriven: 0, kept: 1 })
})

test('bad options and bad names are refused', async () => {
  const { bus } = await scriptedWorld()
  const letters = bus.deadLetters('orders', 'g')
  await expect(letters.list({ limit: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTIONS', field: 'limit' })
  await expect(letters.redrive({ rte: 5 } as never)).rejects.toThrow('rate')
  expect(() => bus.deadLetters('orders', 'no spaces')).toThrow(
    expect.objectContaining({ code: 'ILLEGAL_NAME' }),
  )
})

test('dead letters of a closed bus: BUS_CLOSED, and the broker is not asked', async () => {
  const { bus, broker } = await scriptedWorld()
  const letters = bus.deadLetters('orders', 'g')
  await bus.close()
  const before = broker.calls.length
  for (const call of [letters.list(), letters.read('1'), letters.redrive(), letters.purge()])
    await expect(call).rejects.toMatchObject({ code: 'BUS_CLOSED' })
  expect(broker.calls.length).toBe(before)
})
