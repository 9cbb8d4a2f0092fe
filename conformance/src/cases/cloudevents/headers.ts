import assert from 'node:assert/strict'
import type { ForeignHeader } from '@busbar/core/adapter'
import type { ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { plainBytes } from '../support/same-event.ts'
import { witness } from '../support/witness.ts'
import { carry, MODES, type Mode } from './carry.ts'

const headers: readonly ForeignHeader[] = [
  ['x-request-id', 'r-1'],
  ['X-Mixed-Case', 'kept'],
  ['x-repeated', 'one'],
  ['x-unicode', 'Zürich 😀'],
  ['x-repeated', 'two'],
  ['x-empty', ''],
  ['x-percent', '100%25'],
  ['x-bytes', new Uint8Array([0, 255, 10])],
  ['x-repeated', 'one'],
]

const kept = (mode: Mode): ConformanceCase => ({
  id: `cloudevents.headers-${mode}@1`,
  title: `Headers of others arrive in their order in ${mode} mode, repeated ones repeated, bytes as bytes`,
  requires: ['subscribe.group', `events.${mode}`],
  covers: [1, 81, 82],
  run: async t => {
    const [delivery] = await carry(t, mode, [item('with-headers')], { headers })
    const got = delivery?.headers.map(([name, value]) => [name, plainBytes(value)])
    assert.deepEqual(got, headers)
    const names = Object.keys(delivery?.event ?? {})
    assert.ok(!names.some(name => name.startsWith('x')), `headers became attributes: ${names.join(', ')}`)
  },
})

const many: ConformanceCase = {
  id: 'cloudevents.many-headers@1',
  title: 'Many headers all arrive, or the publish is refused; none is dropped in silence',
  requires: ['subscribe.group'],
  covers: [81],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('carried', { group: 'readers' }, seen.handle)
    const hundred = Array.from({ length: 100 }, (_, n): ForeignHeader => [`x-${n}`, `value ${n}`])
    const taken = await bus.publish('carried', item('many'), { headers: hundred }).then(
      () => true,
      () => false,
    )
    await bus.publish('carried', item('after'))
    await t.until(() => seen.starts('after') === 1, 'the next event')
    if (taken) await t.until(() => seen.starts('many') === 1, 'the event with many headers')
    const delivery = seen.deliveries.find(d => d.event.id === 'many')
    assert.deepEqual(delivery?.headers, taken ? hundred : undefined)
  },
}

const reserved: ConformanceCase = {
  id: 'cloudevents.reserved-headers@1',
  title: 'A header that would pass for an attribute or for Busbar’s metadata is refused, and nothing is sent',
  requires: ['subscribe.group'],
  covers: [81],
  permutations: [
    'busbar-failures',
    'Busbar-Anything',
    'ce-id',
    'ce_type',
    'cloudEvents_source',
    'Content-Type',
  ].map(name => ({ name })),
  run: async (t, { name }) => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('carried', { group: 'readers' }, seen.handle)
    await rejection(bus.publish('carried', item('bad'), { headers: [[name, '1']] }), 'RESERVED_HEADER')
    await bus.publish('carried', item('good'))
    await t.until(() => seen.deliveries.length > 0, 'the good event')
    assert.deepEqual(seen.ids, ['good'])
  },
}

export const headerCases: readonly ConformanceCase[] = [...MODES.map(kept), many, reserved]
