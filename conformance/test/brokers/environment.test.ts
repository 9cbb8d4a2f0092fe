import { expect, test } from 'vitest'
import { existingUrl, printable, variable } from '../../src/brokers/environment.ts'
import { startBroker } from '../../src/brokers/index.ts'

test('the variable of a broker is its name in capitals, other characters as underscores', () => {
  expect(variable('rabbitmq', 'URL')).toBe('BUSBAR_RABBITMQ_URL')
  expect(variable('nats-2.10', 'IMAGE')).toBe('BUSBAR_NATS_2_10_IMAGE')
})

test('a broker that is already there is found by its URL', () => {
  expect(existingUrl('nats', { BUSBAR_NATS_URL: 'nats://there:4222' })?.host).toBe('there:4222')
  expect(existingUrl('nats', { BUSBAR_NATS_URL: '' })).toBeUndefined()
  expect(existingUrl('nats', {})).toBeUndefined()
})

test('a broken URL is refused by its variable, without repeating a password', () => {
  const broken = () => existingUrl('redis', { BUSBAR_REDIS_URL: 'geheim@nowhere' })
  expect(broken).toThrow(/BUSBAR_REDIS_URL is not a URL/)
  expect(broken).not.toThrow(/geheim/)
})

test('a URL is printed without its password', () => {
  expect(printable('amqp://ann:geheim@there:5672/shop')).toBe('amqp://ann:***@there:5672/shop')
  expect(printable('nats://there:4222')).toBe('nats://there:4222')
})

test('a named broker that does not answer fails in time, saying where and why', async () => {
  const started = startBroker('redis', {
    environment: { BUSBAR_REDIS_URL: 'redis://:geheim@127.0.0.1:1' },
    timeoutMs: 50,
  })
  await expect(started).rejects.toThrow(/Redis at redis:\/\/:\*\*\*@127\.0\.0\.1:1 .*ECONNREFUSED/)
})
