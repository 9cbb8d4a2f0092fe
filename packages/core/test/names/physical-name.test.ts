import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBusError } from '../../src/errors/index.ts'
import {
  checkPrefix,
  NAME_LIMITS,
  NAME_RULES,
  type NameKind,
  type NameParts,
  type NameRules,
  physicalName,
} from '../../src/names/index.ts'

const RULES: readonly [string, NameRules][] = Object.entries(NAME_RULES)

const KINDS: readonly NameKind[] = [
  'topic',
  'queue',
  'retry',
  'delay',
  'dead',
  'inbox',
  'request',
  'reply',
  'state',
]

/** Few and confusable segments, so that unlike inputs come close to each other; long ones to force hashes. */
const segment = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'a',
      'A',
      'b',
      '-',
      'a-',
      '--',
      'topic',
      'queue',
      'busbar',
      'p1',
      'v2',
      'amq',
      'qa',
    ),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 120 }).map(length => 'x'.repeat(length)) },
)
const name = (limit: number) =>
  fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .map(parts => parts.join('.').slice(0, limit).replace(/\.$/, ''))

const parts: fc.Arbitrary<NameParts> = fc
  .record({
    prefix: fc.oneof(fc.constant(''), name(NAME_LIMITS.prefix)),
    kind: fc.constantFrom(...KINDS),
    topic: fc.oneof(
      fc.constant(undefined),
      name(NAME_LIMITS.topic),
      fc.constantFrom('*', '**', 'a.*', 'a.**', '*.a'),
    ),
    group: fc.oneof(fc.constant(undefined), name(NAME_LIMITS.group)),
    partition: fc.option(fc.nat(20), { nil: undefined }),
    qualifier: fc.option(fc.constantFrom('5s', 'p1', '1', 'v2', '-', 'a'), { nil: undefined }),
    layout: fc.option(fc.constantFrom(1, 2, 12), { nil: undefined }),
  })
  .map(
    all =>
      Object.fromEntries(
        Object.entries(all.topic === undefined ? { ...all, group: undefined } : all).filter(
          ([, value]) => value !== undefined,
        ),
      ) as unknown as NameParts,
  )

const identity = (p: NameParts) =>
  JSON.stringify([p.layout ?? 1, p.prefix, p.kind, p.topic, p.group, p.partition, p.qualifier])

/** What a broker may take for the same name: Kafka its `.` and `_`, others the case. */
const folded = (rules: NameRules, text: string) => {
  const dots = rules === NAME_RULES.kafka ? text.replaceAll('.', '_') : text
  return rules.caseSensitive ? dots : dots.toLowerCase()
}

describe.each(RULES)('physicalName by the rules of %s', (_, rules) => {
  it('never gives two inputs one name', () => {
    fc.assert(
      fc.property(fc.array(parts, { minLength: 2, maxLength: 60 }), inputs => {
        const owner = new Map<string, string>()
        for (const input of inputs) {
          const physical = folded(rules, physicalName(rules, input))
          const known = owner.get(physical)
          if (known !== undefined) expect(identity(input)).toBe(known)
          owner.set(physical, identity(input))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('gives legal names only', () => {
    fc.assert(
      fc.property(parts, input => {
        const physical = physicalName(rules, input)
        expect(Buffer.byteLength(physical)).toBeLessThanOrEqual(rules.maxLength)
        expect(physical).toMatch(rules.legal)
        expect(physical).toMatch(/^[ -~]+$/)
        if (rules.reserved !== undefined) expect(physical).not.toMatch(rules.reserved)
        if (!rules.caseSensitive) expect(physical).toBe(physical.toLowerCase())
      }),
      { numRuns: 1000 },
    )
  })

  it('fits the longest names there can be', () => {
    const longest: NameParts = {
      prefix: 'p'.repeat(NAME_LIMITS.prefix),
      kind: 'request',
      topic: 't'.repeat(NAME_LIMITS.topic),
      group: 'g'.repeat(NAME_LIMITS.group),
      partition: 9_999,
      qualifier: 'q'.repeat(40),
      layout: 2,
    }
    const physical = physicalName(rules, longest)
    expect(physical.length).toBeLessThanOrEqual(rules.maxLength)
    expect(physical.replace('{', '').startsWith('p'.repeat(NAME_LIMITS.prefix))).toBe(true)
  })
})

describe('physicalName', () => {
  const group: NameParts = {
    prefix: 'staging',
    kind: 'queue',
    topic: 'orders.eu',
    group: 'billing',
    partition: 3,
  }

  it('is readable where the broker allows it', () => {
    expect(RULES.map(([broker, rules]) => [broker, physicalName(rules, group)])).toEqual([
      ['memory', 'staging___orders.eu__billing__queue.p3'],
      ['rabbitmq', 'staging___orders.eu__billing__queue.p3'],
      ['natsStream', 'staging___orders_eu__billing__queue_p3'],
      ['natsSubject', 'staging.__.orders.eu._.billing._.queue.p3'],
      ['kafka', 'staging___orders.eu__billing__queue.p3'],
      ['redis', '{staging::orders.eu}:billing:queue.p3'],
      ['sqs', 'staging___orders_eu__billing__queue_p3'],
      ['sqsFifo', 'staging___orders_eu__billing__queue_p3.fifo'],
      ['sns', 'staging___orders_eu__billing__queue_p3'],
      ['snsFifo', 'staging___orders_eu__billing__queue_p3.fifo'],
    ])
  })

  it('gives a plain topic its own name', () => {
    expect(physicalName(NAME_RULES.kafka, { prefix: '', kind: 'topic', topic: 'orders.eu' })).toBe(
      'orders.eu',
    )
    expect(physicalName(NAME_RULES.kafka, { prefix: '', kind: 'topic', topic: 'orders', layout: 2 })).toBe(
      'orders__topic.v2',
    )
  })

  it('marks what belongs to no topic, even beside a topic named busbar', () => {
    const delay = physicalName(NAME_RULES.rabbitmq, { prefix: '', kind: 'delay', qualifier: '4' })
    expect(delay).toBe('busbar_____delay.q4')
    expect(
      physicalName(NAME_RULES.rabbitmq, { prefix: '', kind: 'delay', topic: 'busbar', qualifier: '4' }),
    ).toBe('busbar__delay.q4')
  })

  it('hashes what is too long, keeping the prefix for access rules and the beginning for people', () => {
    const physical = physicalName(NAME_RULES.sqs, { ...group, topic: `${'orders.'.repeat(15)}eu` })
    expect(physical).toMatch(/^staging___queue__orders_orders_[a-z_]*____[a-z2-7]{26}$/)
    expect(physical).toHaveLength(80)
  })

  it('hashes what RabbitMQ keeps for itself', () => {
    expect(physicalName(NAME_RULES.rabbitmq, { prefix: '', kind: 'topic', topic: 'amq.topic' })).toMatch(
      /^topic__amq_topic____[a-z2-7]{26}$/,
    )
    expect(physicalName(NAME_RULES.rabbitmq, { prefix: 'amq.x', kind: 'topic', topic: 'a' })).toMatch(
      /^amq_x___/,
    )
  })

  it('tells names apart that differ in case alone where the broker might not', () => {
    const of = (topic: string) => physicalName(NAME_RULES.natsStream, { prefix: '', kind: 'topic', topic })
    expect(of('orders')).toBe('orders')
    expect(of('Orders')).toMatch(/^topic__orders____/)
    expect(of('Orders')).not.toBe(of('ORDERS'))
  })

  it('keeps all keys of one topic in one slot of a Redis cluster', () => {
    const tags = KINDS.map(kind => /\{(.+)\}/.exec(physicalName(NAME_RULES.redis, { ...group, kind }))?.[1])
    expect(new Set(tags)).toEqual(new Set(['staging::orders.eu']))
  })

  it('stays what it was: names on brokers outlive versions', () => {
    const long: NameParts = { ...group, topic: 'x'.repeat(120) }
    expect(physicalName(NAME_RULES.sqs, long)).toMatchInlineSnapshot(
      `"staging___queue__xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx____2xavsfpma37kpniwyskr3ncwbm"`,
    )
  })

  it.each<Partial<NameParts>>([
    { prefix: 'a_b' },
    { topic: 'a..b' },
    { topic: '' },
    { group: 'x'.repeat(61) },
    { partition: -1 },
    { partition: 1.5 },
    { qualifier: 'a.b' },
    { layout: 0 },
  ])('refuses %j', illegal => {
    let caught: unknown
    try {
      physicalName(NAME_RULES.memory, { ...group, ...illegal })
    } catch (error) {
      caught = error
    }
    expect(isBusError(caught, 'ILLEGAL_NAME')).toBe(true)
    expect(caught).toMatchObject({ field: Object.keys(illegal)[0] })
  })

  it('refuses a group without a topic', () => {
    expect(() => physicalName(NAME_RULES.memory, { prefix: '', kind: 'queue', group: 'g' })).toThrow(
      /belongs to a topic/,
    )
  })

  it('takes an empty prefix for none', () => {
    expect(() => checkPrefix('')).not.toThrow()
    expect(() => checkPrefix('x'.repeat(41))).toThrow(/40 characters at most/)
  })
})
