import { expect, test } from 'vitest'
import { BrokersUsageError, parseBrokersCommand } from '../../src/brokers/arguments.ts'
import { BROKER_NAMES } from '../../src/brokers/catalogue.ts'

test('a verb alone means every broker', () => {
  expect(parseBrokersCommand(['up'])).toEqual({ kind: 'up', names: BROKER_NAMES })
})

test('names choose brokers, each once', () => {
  expect(parseBrokersCommand(['down', 'nats', 'redis', 'nats'])).toEqual({
    kind: 'down',
    names: ['nats', 'redis'],
  })
})

test('help is given wherever it is asked for', () => {
  expect(parseBrokersCommand(['up', '--help'])).toEqual({ kind: 'help' })
})

test.each([
  [[], /up, down or status/],
  [['start'], /start: not one of/],
  [['up', 'mosquitto'], /mosquitto: no such broker; there are rabbitmq/],
])('%j is refused with what is possible', (args, message) => {
  expect(() => parseBrokersCommand(args)).toThrow(BrokersUsageError)
  expect(() => parseBrokersCommand(args)).toThrow(message)
})
