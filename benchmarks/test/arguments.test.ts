import { expect, test } from 'vitest'
import { benchArguments } from '../src/arguments.ts'

const parse = (...argv: string[]) =>
  benchArguments(argv, { scenarios: ['core', 'brokers'], adapters: ['acme'] })

test('a scenario, and where its figures go', () => {
  expect(parse('--scenario', 'core', '--json', 'out.json', '--rounds', '4', '--only', 'codec')).toEqual({
    subject: { scenario: 'core' },
    json: 'out.json',
    rounds: 4,
    only: 'codec',
  })
  expect(parse('--scenario=core')).toMatchObject({ json: undefined, rounds: 9, only: '' })
})

test('an adapter, with fewer rounds: each takes seconds', () => {
  expect(parse('--adapter', 'acme')).toMatchObject({ subject: { adapter: 'acme' }, rounds: 5 })
})

test.each([
  [['--scenario', 'core', '--colour'], '--colour'],
  [['--scenario', 'core', '--json'], '--json'],
  [['--scenario', 'corn'], '"corn" is unknown'],
  [['--adapter', 'corn'], '"corn" is unknown'],
  [['--adapter', 'acme', '--scenario', 'core'], 'beside --scenario'],
  [[], 'is missing'],
  [['--scenario', 'core', '--rounds', 'many'], '--rounds'],
  [['core'], 'core'],
])('%j is refused with how it is used', (argv, problem) => {
  const refused = expect.objectContaining({
    code: 'INVALID_OPTIONS',
    message: expect.stringContaining(problem),
    remedy: expect.stringContaining('--scenario core|brokers or --adapter acme'),
  })
  expect(() => parse(...argv)).toThrow(refused)
})
