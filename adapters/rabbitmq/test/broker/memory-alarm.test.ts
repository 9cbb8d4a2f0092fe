import { type BusError, createBus, isBusError } from '@busbar/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { rabbitmq } from '../../src/index.ts'
import { until } from './support/until.ts'

let broker: StartedBroker
beforeAll(async () => {
  broker = await startBroker('rabbitmq', { environment: {}, instance: `alarm-${process.pid}` })
})
afterAll(() => broker?.remove())

const watermark = (share: string) => broker.exec(['rabbitmqctl', '-q', 'set_vm_memory_high_watermark', share])

const event = (id: string) => ({ id, source: '/test', type: 'com.example.test', data: 'x'.repeat(1_000) })

it('publishes wait for the end of a memory alarm within their bounds, which is reported, and then arrive', async () => {
  const errors: BusError[] = []
  await using bus = await createBus(rabbitmq({ url: broker.url }), {
    publishing: { maxInFlight: 50, maxWaiting: 100, timeout: 60_000 },
    onError: error => void errors.push(error),
  })
  const seen = new Set<string>()
  await bus.subscribe('jobs', { group: 'workers' }, ({ event }) => void seen.add(event.id))
  await bus.publish('jobs', event('before'))
  await watermark('0.0001')
  const outcomes = Array.from({ length: 500 }, (_, n) =>
    bus.publish('jobs', event(`during-${n}`)).then(
      () => 'stored',
      error => (isBusError(error) ? error.code : String(error)),
    ),
  )
  await until(() => errors.some(({ code }) => code === 'BROKER_FULL'), 'the alarm to be reported')
  expect(bus.stats.publishing).toBeLessThanOrEqual(150)
  await watermark('0.4')
  const settled = await Promise.all(outcomes)
  const stored = settled.filter(outcome => outcome === 'stored').length
  // What exceeds the bounds is refused at once, and nothing else is.
  expect(stored).toBe(150)
  expect(settled.filter(outcome => outcome === 'PUBLISH_OVERFLOW')).toHaveLength(350)
  await until(() => seen.size === stored + 1, 'all that was stored to be handled')
})

it('a publish that outlasts its timeout in an alarm rejects, and says that the broker is full', async () => {
  await using bus = await createBus(rabbitmq({ url: broker.url }), { publishing: { timeout: 1_500 } })
  await bus.publish('jobs', event('before'))
  await watermark('0.0001')
  try {
    // The first to be sent makes the broker say that it is blocked.
    const failures = []
    for (let n = 0; n < 2; n++) failures.push(await bus.publish('jobs', event(`late-${n}`)).catch(e => e))
    expect(failures.map(({ code, cause }) => [code, cause?.code])).toEqual([
      ['PUBLISH_UNKNOWN', undefined],
      ['PUBLISH_FAILED', 'BROKER_FULL'],
    ])
  } finally {
    await watermark('0.4')
  }
})
