import { expect, test } from 'vitest'
import { benchArguments } from '../src/arguments.ts'

const parse = (...argv: string[]) => benchArguments(argv, ['core', 'brokers'])

test('a scenario, and where its figures go', () => {
  expect(parse('--scenario', 'core', '--json', 'out.json', '--rounds', '3', '--only', 'codec')).toEqual({
    scenario: 'core',
    json: 'out.json',
    rounds: 3,
    only: 'codec',
  })
  expect(parse('--scenario=core')).toEqual({ scenario: 'core', json: undefined, rounds: 9, only: '' })
})

test.each([
  [['--scenario', 'core', '--colour'], '--colour'],
  [['--scenario', 'core', '--json'], '--json'],
  [['--scenario', 'corn'], '"corn" is unknown'],
  [[], 'is missing'],
  [['--scenario', 'core', '--rounds', 'many'], '--rounds'],
  [['core'], 'core'],
])('%j is refused with how it is used', (argv, problem) => {
  const refused = expect.objectContaining({
    code: 'INVALID_OPTIONS',
    message: expect.stringContaining(problem),
    remedy: expect.stringContaining('--scenario core|brokers'),
  })
  expect(() => parse(...argv)).toThrow(refused)
})
