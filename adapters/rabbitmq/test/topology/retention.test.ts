import { expect, test } from 'vitest'
import { refuseRetention } from '../../src/topology/retention.ts'

const spec = { topic: 'audit', ordered: false, partitions: 1 }

test('a retention is refused, not ignored: a queue has none', () => {
  expect(() => refuseRetention({ ...spec, retention: { age: 1_000 } })).toThrow(
    expect.objectContaining({ code: 'CAPABILITY_UNSUPPORTED', field: 'retention' }),
  )
  expect(() => refuseRetention(spec)).not.toThrow()
})
