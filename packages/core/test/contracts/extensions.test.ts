import { describe, expect, it } from 'vitest'
import { type ExtensionType, extensionValue, readExtensions } from '../../src/contracts/index.ts'

describe('extensionValue', () => {
  it.each<[ExtensionType, string, unknown]>([
    ['string', '', ''],
    ['boolean', 'true', true],
    ['boolean', 'false', false],
    ['integer', '-2147483648', -2147483648],
    ['integer', '0', 0],
    ['binary', 'AQI=', new Uint8Array([1, 2])],
    ['binary', '', new Uint8Array()],
    ['uri', 'https://example.com/a', new URL('https://example.com/a')],
    ['timestamp', '2026-01-02T03:04:05.678901234Z', new Date('2026-01-02T03:04:05.678Z')],
  ])('reads %s %j', (type, text, value) => {
    expect(extensionValue(type, text)).toEqual(value)
  })

  it.each<[ExtensionType, string]>([
    ['boolean', 'True'],
    ['boolean', '1'],
    ['integer', '2147483648'],
    ['integer', '1.0'],
    ['integer', '-0'],
    ['integer', '007'],
    ['binary', 'AQI'],
    ['binary', 'not base64'],
    ['uri', '/relative'],
    ['timestamp', '2026-01-02'],
    ['timestamp', '2026-02-30T00:00:00Z'],
  ])('refuses %s %j', (type, text) => {
    expect(extensionValue(type, text)).toBeUndefined()
  })
})

describe('readExtensions', () => {
  const types = { size: 'integer', urgent: 'boolean' } as const

  it('gives what is there, and leaves out what is not', () => {
    expect(readExtensions(types, { size: '5', other: 'x' })).toEqual({ ok: true, value: { size: 5 } })
  })

  it('reports all that do not fit', () => {
    expect(readExtensions(types, { size: 'big', urgent: 'yes' })).toMatchObject({
      ok: false,
      issues: [{ field: 'size', problem: '"big" is not of type integer' }, { field: 'urgent' }],
    })
  })
})
