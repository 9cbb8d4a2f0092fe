import { describe, expect, it } from 'vitest'
import { isBusError } from '../../src/errors/index.ts'
import {
  any,
  anyOf,
  array,
  boolean,
  checkOptions,
  custom,
  fn,
  milliseconds,
  number,
  object,
  oneOf,
  optionIssues,
  record,
  required,
  string,
  variants,
} from '../../src/options/index.ts'

const spec = object({
  name: required(string()),
  count: number({ min: 1, max: 10, integer: true }),
  wait: milliseconds({ infinite: true }),
  quiet: boolean(),
  run: fn(),
  mode: oneOf(['fast', 'safe']),
  nested: object({ depth: object({ level: number() }) }),
  list: array(string(), { min: 1 }),
  map: record(boolean()),
  shape: variants('kind', { round: { radius: required(number({ min: 0 })) }, flat: {} }),
  limit: anyOf([oneOf([false]), object({ size: number({ min: 1 }) })]),
  odd: custom('an odd number', value => typeof value === 'number' && value % 2 === 1),
  free: any(),
})

const fields = (input: unknown) => optionIssues(input, spec).map(issue => issue.field)

function thrown(run: () => void): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

describe('checkOptions', () => {
  it('accepts every legal option, and an explicit undefined as left out', () => {
    const input = {
      name: 'x',
      count: 10,
      wait: Number.POSITIVE_INFINITY,
      quiet: false,
      run: () => {},
      mode: 'safe',
      nested: { depth: { level: -1.5 } },
      list: ['a'],
      map: { a: true, b: undefined },
      shape: { kind: 'round', radius: 0 },
      limit: false,
      odd: 3,
      free: Symbol('anything'),
    }
    expect(() => checkOptions('thing', input, spec)).not.toThrow()
    expect(fields({ name: 'x', count: undefined, limit: { size: 2 }, shape: { kind: 'flat' } })).toEqual([])
  })

  it('reports every problem in one error', () => {
    const error = thrown(() =>
      checkOptions('thing', { count: 0, mode: 'slow', nested: { depth: { levle: 1 } }, list: [] }, spec),
    )
    expect(isBusError(error, 'INVALID_OPTIONS')).toBe(true)
    expect(error).toMatchObject({
      field: 'count',
      issues: [
        { field: 'count', problem: '0 is not a whole number from 1 to 10' },
        { field: 'mode', problem: "'slow' is not 'fast' or 'safe'" },
        { field: 'nested.depth.levle', problem: 'unknown option', remedy: "did you mean 'level'?" },
        { field: 'list', problem: 'an array is not an array of at least 1' },
        { field: 'name', problem: 'is missing' },
      ],
    })
  })

  it.each([
    ['count', 1.5],
    ['count', '3'],
    ['count', Number.NaN],
    ['count', Number.POSITIVE_INFINITY],
    ['count', 11],
    ['count', null],
    ['wait', -1],
    ['wait', Number.NEGATIVE_INFINITY],
    ['quiet', 0],
    ['run', {}],
    ['name', ''],
    ['nested', []],
    ['nested', null],
    ['list', 'a'],
    ['odd', 2],
    ['limit', true],
    ['shape', 'round'],
  ])('refuses %s: %j', (field, value) => {
    expect(fields({ name: 'x', [field]: value })).toEqual([field])
  })

  it('puts positions and names into the paths of arrays and records', () => {
    expect(fields({ name: 'x', list: ['a', 1], map: { ok: true, no: 'yes' } })).toEqual(['list.1', 'map.no'])
  })

  it('tells what is wrong inside the variant that the tag names', () => {
    expect(fields({ name: 'x', shape: { kind: 'flat', radius: 1 } })).toEqual(['shape.radius'])
    expect(fields({ name: 'x', shape: { kind: 'round' } })).toEqual(['shape.radius'])
    expect(fields({ name: 'x', shape: { kind: 'toString' } })).toEqual(['shape.kind'])
    expect(fields({ name: 'x', shape: {} })).toEqual(['shape.kind'])
  })

  it('says what is wrong inside the alternative that comes nearest', () => {
    expect(fields({ name: 'x', limit: { size: 0 } })).toEqual(['limit.size'])
  })

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('knows no option named %s', name => {
    const input = Object.assign(Object.create(null), { name: 'x' })
    Object.defineProperty(input, name, { value: 1, enumerable: true })
    expect(fields(input)).toEqual([name])
  })

  it.each([undefined, null, 'text', [], 3])('refuses %j where options belong', input => {
    expect(fields(input)).toEqual(['options'])
  })

  it('suggests the option that was probably meant, and lists all when none is near', () => {
    const remedy = (name: string) => optionIssues({ name: 'x', [name]: 1 }, spec)[0]?.remedy
    expect(remedy('cuont')).toBe("did you mean 'count'?")
    expect(remedy('Quiet')).toBe("did you mean 'quiet'?")
    expect(remedy('zzzzzz')).toContain('known here: name, count')
  })

  it('never shows the contents of an object, which may be secret', () => {
    const [issue] = optionIssues({ name: { password: 'hunter2' } }, spec)
    expect(JSON.stringify(issue)).not.toContain('hunter2')
  })
})
