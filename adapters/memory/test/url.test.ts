import type { Adapter } from '@busbar/core/adapter'
import { systemRandom, VirtualClock } from '@busbar/core/time'
import { describe, expect, it } from 'vitest'
import { adapterFromUrl, MemoryBroker, memory } from '../src/index.ts'
import { consume, message, must, plain } from './harness.ts'

const clock = new VirtualClock()
const connect = async (adapter: Adapter) => {
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const broker = await adapter.connect({
    clock,
    random: systemRandom,
    logger: silent,
    prefix: '',
    clientName: 'client',
    onError() {},
    onState() {},
  })
  await broker.topology({ topics: [plain('orders')], groups: [] }, 'declare')
  return broker
}

describe('memory: URLs', () => {
  it('give each bus a broker of its own, or one per name', async () => {
    const [alone, aloneToo, shared, sharedToo] = await Promise.all(
      ['memory:', 'memory:', 'memory:shop', new URL('memory://shop')].map(url =>
        connect(adapterFromUrl(url)),
      ),
    )
    const apart = await consume(must(aloneToo))
    const together = await consume(must(sharedToo))
    await must(alone).publish([message('a')])
    await must(shared).publish([message('b')])
    await clock.settle()
    expect(apart.texts).toEqual([])
    expect(together.texts).toEqual(['b'])
  })

  it('set options by query parameters', async () => {
    const broker = await connect(adapterFromUrl('memory:?messageBytes=10&dedupeWindow=0&retention.count=0'))
    expect(broker.limits.messageBytes).toBe(10)
    expect(broker.capabilities.of['publish.dedupe'].support).toBe('unsupported')
  })

  it.each([
    ['memory:?maxByte=1', 'maxByte'],
    ['memory:?maxBytes=big', 'maxBytes'],
    ['memory:?maxBytes=1&maxBytes=2', 'maxBytes'],
    ['memory:?maxBytes=0', 'maxBytes'],
    ['memory:#x', 'url'],
    ['memory://user:secret@x', 'url'],
    ['redis://localhost', 'url'],
    ['nonsense', 'url'],
  ])('refuse %s, naming %s', (url, field) => {
    expect(() => adapterFromUrl(url)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS', field }))
  })

  it('refuse other options for a name that exists', () => {
    adapterFromUrl('memory:fixed?maxMessages=5')
    expect(() => adapterFromUrl('memory:fixed')).not.toThrow()
    expect(() => adapterFromUrl('memory:fixed?maxMessages=5')).not.toThrow()
    expect(() => adapterFromUrl('memory:fixed?maxMessages=6')).toThrow(/exists with other options/)
  })
})

describe('options', () => {
  it('are all checked in one error', () => {
    const bad = {
      maxBytes: -1,
      nope: 1,
      faults: { dropConnection: 2, delay: { max: 1.5 } },
      retention: { age: 'x' },
    }
    expect(() => new MemoryBroker(bad as never)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTIONS',
        issues: ['nope', 'faults.dropConnection', 'maxBytes', 'retention.age', 'faults.delay.max'].map(
          field => expect.objectContaining({ field }),
        ),
      }),
    )
  })

  it('do not mix a shared broker with options of a private one', () => {
    const broker = new MemoryBroker()
    expect(() => memory({ broker, maxBytes: 1 } as never)).toThrow(
      expect.objectContaining({ field: 'maxBytes' }),
    )
    expect(() => memory({ broker: {} } as never)).toThrow(expect.objectContaining({ field: 'broker' }))
  })
})
