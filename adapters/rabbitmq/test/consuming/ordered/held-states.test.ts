import { type Clock, systemClock, VirtualClock } from '@busbar/core/time'
import { expect, it } from 'vitest'
import { HeldStates } from '../../../src/consuming/ordered/held-states.ts'
import type { HeldRecord } from '../../../src/consuming/ordered/record.ts'
import type { RecordQueue } from '../../../src/consuming/ordered/record-queue.ts'
import type { Posted } from '../../../src/publishing/publisher.ts'

/** The queue as the broker would keep it, to be read by one member after another. */
function queue() {
  const records: HeldRecord[] = []
  const stored: Posted = { status: 'confirmed', routed: true }
  const access = {
    name: 'records',
    async write(more: readonly HeldRecord[]) {
      records.push(...more)
      return more.map(() => stored)
    },
    read: async () => [...records],
    async remove(ids: ReadonlySet<string>) {
      const removed = records.filter(({ id }) => ids.has(id)).map(({ id }) => id)
      for (const id of removed)
        records.splice(
          records.findIndex(record => record.id === id),
          1,
        )
      return removed
    },
  }
  return { records, access: access as unknown as RecordQueue }
}

let ids = 0
const member = (access: RecordQueue, clock: Clock = systemClock) =>
  new HeldStates({
    queue: access,
    clock,
    newId: () => `r-${++ids}`,
    onError: error => {
      throw error
    },
  })

const failed = (failures: number) => ({ failures, marks: 0, notBefore: 0 })

it('hands the last state of a message to the next member, and to no other message', async () => {
  const { access } = queue()
  const first = member(access)
  await first.write('a', failed(1))
  await first.write('a', failed(2))
  const next = member(access)
  await next.load()
  expect(next.claim('a')).toMatchObject({ failures: 2 })
  expect(next.claim('b')).toBeUndefined()
})

it('does not let a state that was moved behind come before a later one', async () => {
  const { records, access } = queue()
  const first = member(access)
  await first.write('a', failed(1))
  const old = records[0] as HeldRecord
  await first.write('a', failed(2))
  await access.write([{ ...old, id: 'moved' }])
  const next = member(access)
  await next.load()
  expect(next.claim('a')).toMatchObject({ failures: 2 })
})

it('removes what is settled and keeps what is not', async () => {
  const { records, access } = queue()
  const states = member(access)
  await states.write('a', failed(1))
  await states.write('b', failed(1))
  states.settled('a')
  await states.weed()
  expect(records.map(({ message }) => message)).toEqual(['b'])
})

it('removes what a crash left of settled messages, once a message comes that nobody had', async () => {
  const { records, access } = queue()
  await member(access).write('settled-before-the-crash', failed(1))
  const next = member(access)
  await next.load()
  next.fresh()
  await next.weed()
  expect(records).toEqual([])
})

it('leaves alone the records of others that it has not read', async () => {
  const { records, access } = queue()
  const former = member(access)
  await former.write('a', failed(1))
  await member(access).write('b', failed(1))
  former.settled('a')
  await former.weed()
  expect(records.map(({ message }) => message)).toEqual(['b'])
})

it('removes what is settled while others are being removed, however long that takes', async () => {
  const { records, access } = queue()
  const slow = Promise.withResolvers<void>()
  const remove = access.remove.bind(access)
  const clock = new VirtualClock()
  const states = member(
    { ...access, remove: ids => slow.promise.then(() => remove(ids)) } as RecordQueue,
    clock,
  )
  await states.write('a', failed(1))
  await states.write('b', failed(1))
  states.settled('a')
  states.settled('b')
  await clock.advance(500)
  await states.write('c', failed(1))
  states.settled('c')
  await clock.advance(500)
  expect(records).toHaveLength(3)
  slow.resolve()
  await clock.advance(500)
  expect(records).toEqual([])
})
