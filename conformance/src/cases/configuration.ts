import assert from 'node:assert/strict'
import { type BusOptions, type ErrorCode, topic } from '@busbar/core'
import type { CapabilityId } from '@busbar/core/adapter'
import type { ConformanceCase } from '../model/case.ts'
import { item } from './support/items.ts'
import { rejection } from './support/rejection.ts'
import { witness } from './support/witness.ts'

interface BadOptions {
  readonly name: string
  readonly options: unknown
  /** What the error must name. */
  readonly field: string
  readonly code?: ErrorCode
  readonly [other: string]: unknown
}

const busOptions: readonly BadOptions[] = [
  { name: 'unknown option', options: { sorce: '/x' }, field: 'sorce' },
  { name: 'unknown topology mode', options: { topology: 'create' }, field: 'topology' },
  { name: 'unknown content mode', options: { mode: 'batched' }, field: 'mode' },
  { name: 'unknown capability', options: { requires: ['publish.teleport'] }, field: 'requires' },
  { name: 'no attempts', options: { retry: { attempts: 0 } }, field: 'retry.attempts' },
  { name: 'unknown backoff', options: { retry: { backoff: { kind: 'never' } } }, field: 'retry.backoff' },
  {
    name: 'negative wait',
    options: { retry: { backoff: { kind: 'fixed', delay: -1 } } },
    field: 'retry.backoff',
  },
  { name: 'nothing in flight', options: { publishing: { maxInFlight: 0 } }, field: 'publishing.maxInFlight' },
  { name: 'endless timeout', options: { publishing: { timeout: Number.NaN } }, field: 'publishing.timeout' },
  { name: 'a name as a topic', options: { topics: ['jobs'] }, field: 'topics' },
]

const badBus: ConformanceCase = {
  id: 'configuration.bus-options@1',
  title: 'A bus with bad options is refused before anything connects, naming the option',
  requires: ['publish.confirm'],
  faults: ['cut', 'heal'],
  covers: [125],
  permutations: busOptions,
  run: async (t, { options, field }) => {
    // Whoever connected first would get CONNECTION_FAILED.
    await t.faults.cut()
    const error = await t.within(
      rejection(t.bus(options as BusOptions), 'INVALID_OPTIONS'),
      'the refusal',
      1_000,
    )
    assert.ok(error.field?.startsWith(String(field)), `the error names ${error.field}, not ${String(field)}`)
    assert.ok((error.remedy ?? '').length > 0, 'it does not say what to do')
    await t.faults.heal()
  },
}

const allAtOnce: ConformanceCase = {
  id: 'configuration.all-at-once@1',
  title: 'One error lists every bad option',
  requires: ['publish.confirm'],
  covers: [125],
  run: async t => {
    const options = { sorce: '/x', mode: 'batched', publishing: { maxInFlight: 0, speed: 11 } }
    const error = await rejection(t.bus(options as unknown as BusOptions), 'INVALID_OPTIONS')
    const named = error.issues.map(issue => issue.field).sort()
    assert.deepEqual(named, ['mode', 'publishing.maxInFlight', 'publishing.speed', 'sorce'])
  },
}

const demands: ConformanceCase = {
  id: 'configuration.demands@1',
  title:
    'What the manifest offers can be demanded; what it does not offer is refused, all of it in one error',
  requires: ['publish.confirm'],
  covers: [17, 125],
  run: async t => {
    const ids = Object.keys(t.capabilities.of) as CapabilityId[]
    const offered = ids.filter(id => t.capabilities.of[id].support !== 'unsupported')
    const missing = ids.filter(id => t.capabilities.of[id].support === 'unsupported')
    const bus = await t.bus({ requires: offered })
    assert.deepEqual(bus.capabilities, t.capabilities)
    const unknown = t.bus({ requires: ['publish.teleport' as CapabilityId] })
    await rejection(unknown, 'INVALID_OPTIONS')
    if (missing.length === 0) return
    const error = await rejection(t.bus({ requires: ids }), 'CAPABILITY_UNSUPPORTED')
    assert.equal(error.issues.length, missing.length)
  },
}

const consumeOptions: readonly BadOptions[] = [
  { name: 'unknown option', options: { group: 'g', concurency: 1 }, field: 'concurency' },
  { name: 'no concurrency', options: { group: 'g', concurrency: 0 }, field: 'concurrency' },
  { name: 'half a handler', options: { group: 'g', concurrency: 1.5 }, field: 'concurrency' },
  { name: 'no prefetch', options: { group: 'g', prefetch: 0 }, field: 'prefetch' },
  { name: 'bad policy', options: { group: 'g', retry: { attempts: -1 } }, field: 'retry.attempts' },
  { name: 'bad start', options: { group: 'g', start: 'yesterday' }, field: 'start' },
  { name: 'bad lease', options: { group: 'g', lease: -5 }, field: 'lease' },
  { name: 'bad kill switch', options: { group: 'g', killSwitch: { failureRatio: 2 } }, field: 'killSwitch' },
  { name: 'bad unhandled', options: { group: 'g', unhandled: 'drop' }, field: 'unhandled' },
  { name: 'illegal group', options: { group: 'a b' }, field: 'group', code: 'ILLEGAL_NAME' },
  { name: 'long group', options: { group: 'g'.repeat(61) }, field: 'group', code: 'ILLEGAL_NAME' },
]

const badSubscription: ConformanceCase = {
  id: 'configuration.subscribe-options@1',
  title: 'A subscription with bad options is refused, naming the option, and takes nothing',
  requires: ['subscribe.group', 'publish.must-route'],
  covers: [125],
  permutations: consumeOptions,
  run: async (t, { options, field, code = 'INVALID_OPTIONS' }) => {
    const bus = await t.bus()
    const seen = witness(t)
    const bad = options as { readonly group: string }
    const error = await rejection(bus.subscribe('jobs', bad, seen.handle), code as ErrorCode)
    assert.ok(error.field?.startsWith(String(field)), `the error names ${error.field}, not ${String(field)}`)
    await rejection(bus.publish('jobs', item('lost'), { mustRoute: true }), 'UNROUTABLE')
    assert.deepEqual(bus.health.subscriptions, [])
  },
}

const publishOptions: readonly BadOptions[] = [
  { name: 'unknown option', options: { dely: 5 }, field: 'dely' },
  { name: 'negative delay', options: { delay: -1 }, field: 'delay' },
  { name: 'delay and time', options: { delay: 1, notBefore: new Date() }, field: 'delay' },
  { name: 'bad time', options: { notBefore: new Date(Number.NaN) }, field: 'notBefore' },
  { name: 'no time to answer', options: { timeout: 0 }, field: 'timeout' },
  { name: 'headers as an object', options: { headers: { a: '1' } }, field: 'headers' },
  { name: 'attributes of a whole event', options: { attributes: { subject: 'a' } }, field: 'attributes' },
]

const badPublish: ConformanceCase = {
  id: 'configuration.publish-options@1',
  title: 'A publish with bad options is refused, naming the option, and nothing is sent',
  requires: ['subscribe.group', 'publish.delay'],
  covers: [125],
  permutations: publishOptions,
  run: async (t, { options, field }) => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const error = await rejection(bus.publish('jobs', item('bad'), options as object), 'INVALID_OPTIONS')
    assert.ok(error.field?.startsWith(String(field)), `the error names ${error.field}, not ${String(field)}`)
    await bus.publish('jobs', item('good'))
    await t.until(() => seen.deliveries.length > 0, 'the good event')
    assert.deepEqual(seen.ids, ['good'])
  },
}

const alreadySubscribed: ConformanceCase = {
  id: 'configuration.already-subscribed@1',
  title: 'A second subscription to the same topic and group in one bus is refused, and the first goes on',
  requires: ['subscribe.group'],
  covers: [51, 125],
  permutations: [{ name: 'subscribe' }, { name: 'stream' }],
  run: async (t, { name }) => {
    const bus = await t.bus()
    const first = witness(t)
    const second = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, first.handle)
    const again = async (): Promise<unknown> =>
      name === 'stream'
        ? bus.stream('jobs', { group: 'workers' }).ready()
        : bus.subscribe('jobs', { group: 'workers' }, second.handle)
    await rejection(again(), 'ALREADY_SUBSCRIBED')
    await bus.subscribe('jobs', { group: 'others' }, second.handle)
    await bus.publish('jobs', item('one'))
    await t.until(
      () => first.deliveries.length > 0 && second.deliveries.length > 0,
      'the event in both groups',
    )
    assert.equal(first.deliveries.length + second.deliveries.length, 2)
  },
}

const keyRequired: ConformanceCase = {
  id: 'configuration.key-required@1',
  title: 'An event without a key is refused on an ordered topic, and nothing is sent',
  requires: ['subscribe.group', 'order.key'],
  covers: [30, 125],
  run: async t => {
    const jobs = topic('jobs', { ordered: true, partitions: 4 })
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe(jobs, { group: 'workers' }, seen.handle)
    await rejection(bus.publish(jobs, item('bad')), 'KEY_REQUIRED')
    await bus.publish(jobs, item('good'), { key: 'k' })
    await t.until(() => seen.deliveries.length > 0, 'the good event')
    assert.deepEqual(seen.ids, ['good'])
  },
}

/** Bad input is refused with a typed error that names it, before it can do harm. */
export const configurationCases: readonly ConformanceCase[] = [
  badBus,
  allAtOnce,
  demands,
  badSubscription,
  badPublish,
  alreadySubscribed,
  keyRequired,
]
