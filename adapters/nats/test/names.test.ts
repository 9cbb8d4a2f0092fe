import { describe, expect, it } from 'vitest'
import { namesFor } from '../src/names.ts'

describe('names', () => {
  const names = namesFor('shop')

  it('give each partition a subject inside its topic’s stream, and the topic back from it', () => {
    expect(names.topicSubject('orders.eu', 0, 1)).toBe('shop.__.orders.eu')
    expect(names.topicSubject('orders.eu', 3, 8)).toBe('shop.__.orders.eu._.topic.p3')
    expect(names.topicOf('shop.__.orders.eu._.topic.p3')).toBe('orders.eu')
    expect(names.topicOf('shop.__.orders.eu')).toBe('orders.eu')
    expect(names.topicOf('other.__.orders')).toBeUndefined()
  })

  it('keep topic a.b with group c apart from topic a with group b.c', () => {
    const all = [
      ['a.b', 'c'],
      ['a', 'b.c'],
    ].flatMap(([topic = '', group = '']) => [
      names.durable(topic, group),
      names.inboxSubject(topic, group),
      names.deadSubject(topic, group),
    ])
    expect(new Set(all).size).toBe(all.length)
  })

  it('have replies of a prefix in a namespace that no other prefix begins with', () => {
    const own = namesFor('a').replyNamespace('_INBOX')
    const other = namesFor('a.b').replyNamespace('_INBOX')
    expect(other.startsWith(own)).toBe(false)
    expect(own.startsWith(other)).toBe(false)
  })

  it('make a pattern of requests one subject', () => {
    expect(names.requestSubject('prices.**')).toBe('shop.__.busbar._____.request.prices.>')
    expect(names.requestTopic(names.requestSubject('prices.eu'))).toBe('prices.eu')
  })
})
