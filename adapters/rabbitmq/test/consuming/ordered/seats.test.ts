import { expect, it } from 'vitest'
import { priorityOf } from '../../../src/consuming/ordered/seats.ts'

const PARTITIONS = Array.from({ length: 8 }, (_, partition) => partition)

/** Who has each partition when these seats are taken: the keenest. */
const owners = (seats: readonly number[]) =>
  PARTITIONS.map(partition =>
    seats.reduce((best, seat) => (priorityOf(partition, seat) > priorityOf(partition, best) ? seat : best)),
  )

it.each([2, 3, 4])('gives each of %i members a share', members => {
  const seats = Array.from({ length: members }, (_, seat) => seat)
  expect(new Set(owners(seats))).toEqual(new Set(seats))
})

it('moves partitions to a new member only, and none between those that are there', () => {
  const before = owners([0, 1])
  const after = owners([0, 1, 2])
  for (const partition of PARTITIONS) expect([before[partition], 2]).toContain(after[partition])
})

it('asks for nothing without a seat', () => {
  expect(PARTITIONS.map(partition => priorityOf(partition, undefined))).toEqual(PARTITIONS.map(() => 0))
})
