import type { ForeignHeader } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { addForeign, type HeaderTable, headersOf, ORDER } from '../../src/wire/headers.ts'

function through(headers: readonly ForeignHeader[]): readonly (readonly [string, unknown])[] {
  const table: HeaderTable = Object.create(null)
  addForeign(table, headers)
  // The broker may sort a table when it adds a count of its own.
  const sorted = Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)))
  return headersOf({ ...sorted, 'x-delivery-count': 3, 'x-death': [{ count: 1 }] })
}

describe('foreign headers', () => {
  it.each<[string, readonly ForeignHeader[]]>([
    [
      'in order',
      [
        ['b', '1'],
        ['a', '2'],
      ],
    ],
    [
      'repeated',
      [
        ['x', '1'],
        ['y', '2'],
        ['x', '3'],
        ['x', ''],
      ],
    ],
    [
      'named by numbers',
      [
        ['b', '1'],
        ['2', 'two'],
        ['1', 'one'],
      ],
    ],
    [
      'bytes',
      [
        ['x', Buffer.from([0, 255])],
        ['x', 'text'],
      ],
    ],
    [
      'beyond ASCII',
      [
        ['ä', 'ö'],
        ['z', '😀'],
      ],
    ],
  ])('come back %s', (_, headers) => {
    expect(through(headers)).toEqual(headers)
  })

  it('need no list of their order where the table keeps it', () => {
    const table: HeaderTable = Object.create(null)
    addForeign(table, [
      ['x-a', '1'],
      ['x-b', '2'],
    ])
    expect(ORDER in table).toBe(false)
  })

  it.each(['CC', 'BCC', 'x-death', 'x-delivery-count', ORDER])(
    'named %s are refused: they are not the sender’s',
    name => {
      expect(() => addForeign({}, [[name, '1']])).toThrow(
        expect.objectContaining({ code: 'RESERVED_HEADER' }),
      )
    },
  )

  it('have names of at most 255 bytes', () => {
    expect(() => addForeign({}, [['ä'.repeat(128), '1']])).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT' }),
    )
  })
})
