import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { META } from '../../src/adapter/envelope.ts'
import {
  assertValidEnvelope,
  decodeData,
  decodeEvent,
  decodeJsonBatch,
  decodeStructured,
  encodeEvent,
  encodeJsonBatch,
  encodeStructured,
} from '../../src/cloudevents/index.ts'
import { isBusError } from '../../src/errors/index.ts'

const MINIMAL = { specversion: '1.0', id: '1', source: '/s', type: 't' }
const HEAD = '"specversion":"1.0","id":"1","source":"/s","type":"t"'
const read = (text: string) => decodeStructured(Buffer.from(text))
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const failed = (field?: string) =>
  expect.objectContaining({ code: 'DECODE_FAILED', ...(field === undefined ? {} : { field }) })

describe('writing a structured document', () => {
  it('puts JSON data in as it was written', () => {
    const body = Buffer.from('{ "n": 12345678901234567890.10, "e": "\\u0041" }')
    const document = text(encodeStructured({ ...encodeEvent(MINIMAL), body }))
    expect(document).toBe(`{${HEAD},"data":{ "n": 12345678901234567890.10, "e": "\\u0041" }}`)
  })

  it('writes null, absent data, text and bytes each in its own way', () => {
    const write = (part: object) => JSON.parse(text(encodeStructured(encodeEvent({ ...MINIMAL, ...part }))))
    expect(write({})).toEqual(MINIMAL)
    expect(write({ data: null })).toEqual({ ...MINIMAL, data: null })
    expect(write({ data: 'a"b', datacontenttype: 'text/plain' })).toMatchObject({ data: 'a"b' })
    expect(write({ data: new Uint8Array([1]) })).toEqual({ ...MINIMAL, data_base64: 'AQ==' })
  })

  it.each(['1,"type":"forged"', '{"a":1},"x":{}', '{', ']', '"', '', '1}', 'nul', '"\\"'])(
    'lets the body %o neither add attributes nor break the document',
    body => {
      const document = JSON.parse(
        text(encodeStructured({ ...encodeEvent(MINIMAL), body: Buffer.from(body) })),
      )
      const base64 = Buffer.from(body).toString('base64')
      expect(document).toEqual(body === '' ? MINIMAL : { ...MINIMAL, data_base64: base64 })
    },
  )

  it('keeps bytes that are not the text they claim to be', () => {
    const body = new Uint8Array([0xff, 0xfe])
    for (const datacontenttype of ['application/json', 'text/plain']) {
      const envelope = encodeEvent({ ...MINIMAL, datacontenttype })
      expect(decodeStructured(encodeStructured({ ...envelope, body })).body).toEqual(Buffer.from(body))
    }
  })
})

describe('reading a structured document', () => {
  it('turns typed attributes into canonical strings and drops null ones', () => {
    const { attributes } = read(`{${HEAD},"n":5,"m":-0,"e":1e2,"t":true,"f":false,"gone":null}`)
    expect(attributes).toEqual({ ...MINIMAL, n: '5', m: '0', e: '100', t: 'true', f: 'false' })
  })

  it('reads escapes and UTF-8 in names and values', () => {
    const { attributes } = read(`{${HEAD},"\\u0061b":"\\u0020\\"größe 😀"}`)
    expect(attributes.ab).toBe(' "größe 😀')
  })

  it.each([
    '12345678901234567890',
    '1.10',
    '{"a": [1, {"b": "}]\\"\\\\"}]}',
    '[]',
    '"ä\\u0041"',
    'null',
    'true',
  ])('cuts data out as it stands: %s', data => {
    expect(text(read(`{"data" : ${data} ,${HEAD}}`).body ?? new Uint8Array())).toBe(data)
    expect(text(read(`{${HEAD},"note":"größe","data":${data}}`).body ?? new Uint8Array())).toBe(data)
  })

  it('never parses a string twice', () => {
    expect(decodeEvent(read(`{${HEAD},"data":"{\\"a\\":1}"}`)).data).toBe('{"a":1}')
  })

  it('tells kinds apart where the content type does not', () => {
    const kindOf = (contentType: string, data: string) =>
      read(`{${HEAD},"datacontenttype":"${contentType}",${data}}`)
    expect(kindOf('application/octet-stream', '"data":"x"').meta).toEqual({ [META.data]: 'text' })
    expect(kindOf('text/plain', '"data":{"a":1}').meta).toEqual({ [META.data]: 'json' })
    expect(kindOf('text/plain', '"data":null').meta).toEqual({ [META.data]: 'json' })
    expect(kindOf('application/json', '"data_base64":"AQ=="').meta).toEqual({ [META.data]: 'binary' })
    expect(kindOf('application/octet-stream', '"data_base64":"AQ=="').meta).toEqual({})
    const lone = kindOf('text/plain', '"data":"a\\ud800"')
    expect(decodeData(lone)).toBe(`a${String.fromCharCode(0xd800)}`)
    expect(decodeData(decodeStructured(encodeStructured(lone)))).toBe(decodeData(lone))
  })

  it('keeps null apart from absent', () => {
    expect(decodeEvent(read(`{${HEAD},"data":null}`))).toHaveProperty('data', null)
    expect(decodeEvent(read(`{${HEAD}}`))).not.toHaveProperty('data')
    expect(decodeEvent(read(`{${HEAD},"data_base64":null}`))).not.toHaveProperty('data')
  })

  it('takes the last of repeated members, and harmless keys for what they are', () => {
    const envelope = read(`{${HEAD},"x":"1","x":"2","y":"1","y":null,"data":1,"data":2,"constructor":"c"}`)
    expect(envelope.attributes).toMatchObject({ x: '2', constructor: 'c' })
    expect(envelope.attributes).not.toHaveProperty('y')
    expect(decodeData(envelope)).toBe(2)
    expect(Object.getPrototypeOf(envelope.attributes)).toBe(Object.prototype)
    expect(() => read(`{${HEAD},"__proto__":"p"}`)).toThrow(failed('__proto__'))
  })

  it('ignores a byte order mark and white space around', () => {
    expect(read(`\ufeff \n{${HEAD}}\r\n\t`).attributes).toEqual(MINIMAL)
  })

  it.each<[string, string | undefined]>([
    ['', 'body'],
    ['null', 'body'],
    ['[]', 'body'],
    ['"x"', 'body'],
    [`{${HEAD}`, 'body'],
    [`{${HEAD}} x`, 'body'],
    [`{${HEAD},}`, 'body'],
    [`{,${HEAD}}`, 'body'],
    [`{${HEAD},"a" "b"}`, 'body'],
    [`{${HEAD},"a":01}`, 'body'],
    [`{${HEAD},"a":nul}`, 'body'],
    [`{${HEAD},"a":truefalse}`, 'body'],
    [`{${HEAD},"a":"\\x"}`, 'body'],
    [`{${HEAD},a:1}`, 'body'],
    [`{${HEAD},"data":{"a":[1}`, 'body'],
    [`{${HEAD},"data":}`, 'body'],
    [`{${HEAD},"a":1.5}`, 'a'],
    [`{${HEAD},"a":2147483648}`, 'a'],
    [`{${HEAD},"a":{}}`, 'a'],
    [`{${HEAD},"a":[]}`, 'a'],
    [`{${HEAD},"data":1,"data_base64":"AQ=="}`, 'data'],
    [`{${HEAD},"data":null,"data_base64":"AQ=="}`, 'data'],
    [`{${HEAD},"data_base64":"A"}`, 'data_base64'],
    [`{${HEAD},"data_base64":1234}`, 'data_base64'],
  ])('refuses %s', (document, field) => {
    expect(() => read(document)).toThrow(failed(field))
  })

  it('refuses what is not UTF-8', () => {
    expect(() => decodeStructured(Buffer.from(`{${HEAD},"x":"\xff"}`, 'latin1'))).toThrow(failed('body'))
  })

  it('survives nesting that would overflow a recursive reader', () => {
    const deep = '['.repeat(500_000)
    expect(() => read(`{${HEAD},"data":${deep}`)).toThrow(failed('body'))
    expect(read(`{${HEAD},"data":${deep}${deep.replaceAll('[', ']')}}`).body?.length).toBe(1_000_000)
  })

  it('is not fooled by escaped quotes and backslashes, near the start of a string or far into it', () => {
    for (const length of [0, 45, 46, 47, 48, 49, 100]) {
      for (const tail of ['\\"', '\\\\', '\\\\\\"']) {
        const written = `"${'x'.repeat(length)}${tail}"`
        const envelope = read(`{${HEAD},"note":${written},"data":[${written},"}"]}`)
        expect(envelope.attributes.note).toBe(JSON.parse(written))
        expect(decodeData(envelope)).toEqual([JSON.parse(written), '}'])
      }
    }
  })

  it('reads documents too long to decode whole', () => {
    const envelope = read(`{${HEAD},"long":"${'ab\\"'.repeat(5000)}","data":"${'x'.repeat(9000)}\\\\"}`)
    expect(envelope.attributes.long).toBe('ab"'.repeat(5000))
    expect(decodeData(envelope)).toBe(`${'x'.repeat(9000)}\\`)
  })
})

describe('data that was parsed with its document', () => {
  it('is given to one asker only: what a handler changes stays out of the next attempt and of the body', () => {
    const envelope = read(`{${HEAD},"data":{"list":["one"]}}`)
    const first = decodeData(envelope) as { list: string[] }
    first.list.push('vandal')
    expect(decodeData(envelope)).toEqual({ list: ['one'] })
    expect(decodeEvent(envelope).data).toEqual({ list: ['one'] })
    expect(text(envelope.body ?? new Uint8Array())).toBe('{"list":["one"]}')
    expect(text(encodeStructured(envelope))).toBe(`{${HEAD},"data":{"list":["one"]}}`)
  })

  it('is not the data of a copy that has another body', () => {
    const envelope = read(`{${HEAD},"data":{"a":1}}`)
    const copy = { ...envelope, body: Buffer.from('{"a":2}') }
    expect(decodeData(copy)).toEqual({ a: 2 })
    expect(text(encodeStructured({ ...envelope, body: Buffer.from('1,"type":"forged"') }))).toContain(
      'data_base64',
    )
    expect(decodeData(envelope)).toEqual({ a: 1 })
  })

  it.each(['{"n": 12345678901234567890.10}', '[1e400, "\\u0041", "größe"]', '{"__proto__":{"polluted":1}}'])(
    'is kept byte for byte beside it: %s',
    data => {
      for (const end of ['}', ' \n} \r\n']) {
        const envelope = read(`{${HEAD},"data": ${data}${end}`)
        expect(decodeData(envelope)).toEqual(JSON.parse(data))
        expect(text(envelope.body ?? new Uint8Array())).toBe(data)
        expect(decodeData(envelope)).toEqual(JSON.parse(data))
      }
      expect({}).not.toHaveProperty('polluted')
    },
  )

  it('is never the text of further members', () => {
    expect(decodeData(read(`{${HEAD},"data":{"a":1},"data":{"a":2}}`))).toEqual({ a: 2 })
    expect(decodeData(read(`{${HEAD},"data":{"a":1},"data":[3]}`))).toEqual([3])
    expect(decodeData(read(`{"data":[1],${HEAD},"data":"x"}`))).toBe('x')
    expect(() => read(`{${HEAD},"data":{"a":1},"x":{"b":2}}`)).toThrow(failed('x'))
    expect(() => read(`{${HEAD},"data":{},"data_base64":"AQ==","data":{}}`)).toThrow(failed('data'))
    expect(() => read(`{${HEAD},"data_base64":"AQ==","data":{}}`)).toThrow(failed('data'))
  })

  it('keeps data that is no JSON inside for whoever decodes it', () => {
    const envelope = read(`{${HEAD},"data":{"a":nonsense}}`)
    expect(text(envelope.body ?? new Uint8Array())).toBe('{"a":nonsense}')
    expect(() => decodeData(envelope)).toThrow(failed('data'))
  })

  it('is the same wherever it stands in the document', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t'), (data, space) => {
        const last = read(`{${HEAD},"x":"y","data":${space}${data}${space}}`)
        const first = read(`{"data":${space}${data}${space},${HEAD},"x":"y"}`)
        expect(last.body).toEqual(first.body)
        expect(last.meta).toEqual(first.meta)
        expect(decodeEvent(last)).toEqual(decodeEvent(first))
        expect(decodeEvent(last)).toEqual(decodeEvent(first))
      }),
    )
  })
})

describe('batches', () => {
  it('carries none, one and many', () => {
    for (const count of [0, 1, 3]) {
      const envelopes = Array.from({ length: count }, (_, i) =>
        encodeEvent({ ...MINIMAL, id: `${i}`, data: { i } }),
      )
      const bytes = encodeJsonBatch(envelopes)
      expect(JSON.parse(text(bytes))).toHaveLength(count)
      expect(decodeJsonBatch(bytes).map(decodeEvent)).toEqual(envelopes.map(decodeEvent))
    }
  })

  it.each(['', '{}', '[{}', '[{},]', '[1]', '[{}] x', '[,]'])('refuses %o', document => {
    expect(() => decodeJsonBatch(Buffer.from(document))).toThrow(failed('body'))
  })
})

describe('agreement with JSON.parse', () => {
  const attempt = <T>(run: () => T): { value: T } | undefined => {
    try {
      return { value: run() }
    } catch (error) {
      if (error instanceof SyntaxError || isBusError(error, 'DECODE_FAILED')) return undefined
      throw error
    }
  }
  const ours = (document: string) =>
    attempt(() => {
      const envelope = read(document)
      assertValidEnvelope(envelope)
      return decodeData(envelope)
    })
  const theirs = (document: string) => attempt(() => (JSON.parse(document) as { data?: unknown }).data)

  it('reads the same data', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t'), (data, space) => {
        const document = `{${HEAD},${space}"data"${space}:${space}${data}${space}}`
        expect(ours(document)).toEqual(theirs(document))
      }),
      { numRuns: 500 },
    )
  })

  it('refuses what JSON.parse refuses, after any one change to a document', () => {
    const base = `{${HEAD},"n":-12,"data":{"a":[1,{"b":"x\\"\\\\]"}],"c":1.5e3}}`
    const piece = fc.constantFrom(...'{}[]",:\\ 0-.eE+tfn\n', '', 'null', '\u0001', 'ä')
    fc.assert(
      fc.property(fc.nat(base.length), fc.nat(2), piece, (at, cut, put) => {
        const document = base.slice(0, at) + put + base.slice(at + cut)
        const mine = ours(document)
        if (mine !== undefined) expect(mine).toEqual(theirs(document))
      }),
      { numRuns: 3000 },
    )
  })

  it('throws nothing but DECODE_FAILED, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        attempt(() => decodeStructured(bytes))
        attempt(() => decodeJsonBatch(bytes))
      }),
    )
  })
})
