import { describe, expect, it } from 'vitest'
import { Names, RULES } from '../../src/topology/names.ts'

const names = new Names('staging')

describe('names', () => {
  it('are readable where they can be', () => {
    expect(names.exchange('orders.eu')).toBe('staging___orders.eu')
    expect(names.queue('orders.eu', 'billing')).toBe('staging___orders.eu__billing__queue')
    expect(names.dead('orders', 'billing')).toBe('staging___orders__billing__dead')
    expect(names.queue('orders', 'billing', 3)).toBe('staging___orders__billing__queue.p3')
  })

  it('fit beside the bits of a delay, however long their parts are', () => {
    const long = new Names('p'.repeat(40)).queue('t'.repeat(120), 'g'.repeat(60))
    expect(long.length).toBeLessThanOrEqual(RULES.maxLength)
  })

  it.each(['orders', 'orders.eu', '1.p3.orders'])('find %s in its own routing keys', topic => {
    expect(names.topicOf(names.routingKey(topic))).toBe(topic)
    expect(names.topicOf(names.partitionKey(topic, 3))).toBe(topic)
    expect(names.topicOf(`0.1.${names.routingKey(topic)}`)).toBe(topic)
  })

  it("find no topic in a stranger's routing key", () => {
    expect(names.topicOf('orders.created')).toBeUndefined()
    expect(names.topicOf('other___.orders')).toBeUndefined()
  })

  it('make of ** one word or more', () => {
    expect(names.topicPattern('orders.**')).toBe('#.staging___.orders.*.#')
    expect(names.topicPattern('*.created')).toBe('#.staging___.*.created')
  })
})
