import { describe, expect, it } from 'vitest'
import { parseCommand, UsageError } from '../../src/cli/arguments.ts'
import { loadHarness } from '../../src/cli/load-harness.ts'

const parse = (line: string) => parseCommand(line.split(' ').filter(word => word !== ''))

describe('the command line', () => {
  it('names an adapter and the files of its reports', () => {
    expect(parse('--adapter memory --json a.json --junit b.xml --parallel 4 --repeat 2 --shuffle 9')).toEqual(
      {
        kind: 'suite',
        adapter: 'memory',
        files: { json: 'a.json', junit: 'b.xml' },
        parallel: 4,
        repeat: 2,
        shuffle: 9,
      },
    )
  })

  it('asks for the mutants', () => {
    expect(parse('--mutants --json a.json')).toEqual({ kind: 'mutants', json: 'a.json' })
  })

  it.each([
    ['', '--adapter is missing'],
    ['--adapter memory --colour', '--colour'],
    ['--adapter memory extra', 'extra'],
    ['--adapter memory --repeat 0', '--repeat 0'],
    ['--adapter memory --parallel many', '--parallel many'],
    ['--adapter memory --shuffle 1.5', '--shuffle 1.5'],
    ['--mutants --junit a.xml', '--junit'],
    ['--adapter memory --only ack', '--only'],
  ])('refuses %j, naming what it did not understand', (line, named) => {
    expect(() => parse(line)).toThrow(UsageError)
    expect(() => parse(line)).toThrow(named)
  })
})

describe('the adapter that is named', () => {
  it('may be built in', async () => {
    expect((await loadHarness('memory')).name).toBe('memory')
  })

  it.each(['./no-such-file.ts', 'no-such-package', 'constructor'])(
    'is refused when there is none: %s',
    async name => {
      await expect(loadHarness(name)).rejects.toThrow(UsageError)
    },
  )

  it('is refused when its module exports no harness', async () => {
    await expect(loadHarness('node:os')).rejects.toThrow('not a Harness')
  })
})
