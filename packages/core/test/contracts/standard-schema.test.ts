import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { isSchema, type Schema, validate } from '../../src/contracts/index.ts'

const libraries: readonly [string, Schema<unknown, unknown>][] = [
  ['zod', z.object({ items: z.array(z.object({ cents: z.number().transform(c => c / 100) })) }) as never],
  [
    'valibot',
    v.object({
      items: v.array(
        v.object({
          cents: v.pipe(
            v.number(),
            v.transform(c => c / 100),
          ),
        }),
      ),
    }) as never,
  ],
  ['arktype', type({ items: [{ cents: type('number').pipe(c => c / 100) }, '[]'] }) as never],
]

describe.each(libraries)('validate with %s', (_, schema) => {
  it('gives the output without a promise', () => {
    expect(validate(schema, { items: [{ cents: 250 }] })).toEqual({
      ok: true,
      value: { items: [{ cents: 2.5 }] },
    })
  })

  it('names the fields that are wrong, under data', () => {
    const result = validate(schema, { items: [{ cents: 1 }, { cents: 'x' }] })
    expect(result).toMatchObject({ ok: false, issues: [{ field: 'data.items.1.cents' }] })
  })

  it('names the data itself when that is wrong', () => {
    expect(validate(schema, undefined)).toMatchObject({ ok: false, issues: [{ field: 'data' }] })
    expect(validate(schema, 3, 'input')).toMatchObject({ ok: false, issues: [{ field: 'input' }] })
  })

  it('is recognised as a schema', () => {
    expect(isSchema(schema)).toBe(true)
  })
})

describe('validate', () => {
  it('waits for a validator that needs time', async () => {
    const schema = z.string().refine(async text => text.length > 1, { message: 'too short' })
    const result = validate(schema, 'a')
    expect(result).toBeInstanceOf(Promise)
    expect(await result).toEqual({ ok: false, issues: [{ field: 'data', problem: 'too short' }] })
    expect(await validate(schema, 'ab')).toEqual({ ok: true, value: 'ab' })
  })

  it('passes on what a validator throws: it is no verdict on the data', async () => {
    const broken = new Error('database is down')
    const now = v.pipe(
      v.string(),
      v.check(() => {
        throw broken
      }),
    )
    expect(() => validate(now, 'a')).toThrow(broken)
    const later = v.pipeAsync(
      v.string(),
      v.checkAsync(async () => {
        throw broken
      }),
    )
    await expect(validate(later, 'a')).rejects.toBe(broken)
  })

  it('reads paths of objects and of bare keys', () => {
    const schema: Schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0, Symbol('s')] }] }),
      },
    }
    expect(validate(schema, 1)).toEqual({
      ok: false,
      issues: [{ field: 'data.a.0.Symbol(s)', problem: 'no' }],
    })
  })

  it.each([null, undefined, {}, { '~standard': null }, { '~standard': {} }, () => {}])(
    '%j is no schema',
    value => {
      expect(isSchema(value)).toBe(false)
    },
  )
})
