import { isBusError } from '@busbar/core'
import { describe, expect, it } from 'vitest'
import { resolveOptions } from '../src/options.ts'
import { optionsFromUrl } from '../src/url.ts'

const refusal = (run: () => unknown): { code: string; field: string | undefined; message: string } => {
  try {
    run()
  } catch (error) {
    if (isBusError(error)) return { code: error.code, field: error.field, message: error.message }
    throw error
  }
  throw new Error('nothing was refused')
}

describe('redis URLs', () => {
  it('reads host, port, database, credentials and parameters', () => {
    expect(
      optionsFromUrl('redis://ann:p%40ss@redis.example:6380/2?dedupeWindow=0&retention.count=5'),
    ).toEqual({
      host: 'redis.example',
      port: 6380,
      db: 2,
      credentials: { username: 'ann', password: 'p@ss' },
      dedupeWindow: 0,
      retention: { count: 5 },
    })
  })

  it('takes several hosts for a cluster or for sentinels only when told', () => {
    expect(optionsFromUrl('rediss://a:1,b:2?mode=cluster&servername=redis')).toEqual({
      cluster: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      tls: { servername: 'redis' },
    })
    expect(optionsFromUrl('redis://a,b?mode=sentinel&master=main').sentinel).toEqual({
      name: 'main',
      nodes: [{ host: 'a' }, { host: 'b' }],
    })
    expect(refusal(() => optionsFromUrl('redis://a,b')).field).toBe('url')
    expect(refusal(() => optionsFromUrl('redis://a?mode=sentinel')).field).toBe('master')
  })

  it.each([
    ['redis://h?dedupe=1', 'dedupe'],
    ['redis://h?messageBytes=big', 'messageBytes'],
    ['redis://h/first', 'db'],
    ['http://h', 'url'],
    ['redis://h?servername=x', 'servername'],
    ['redis://h?replicas=1&replicas=2', 'replicas'],
  ])('refuses %s by the name of its part', (url, field) => {
    expect(refusal(() => optionsFromUrl(url))).toMatchObject({ code: 'INVALID_OPTIONS', field })
  })

  it('shows no password in a refusal', () => {
    const { message } = refusal(() => optionsFromUrl('redis://u:s3cret@[bad'))
    expect(message).not.toContain('s3cret')
  })
})

describe('redis options', () => {
  it('names everything that is wrong', () => {
    const wrong = { port: 0, hots: 'x', tls: { cafile: 'x' }, retention: { age: -1 } }
    const { code, message } = refusal(() => resolveOptions(wrong as never))
    expect(code).toBe('INVALID_OPTIONS')
    for (const field of ['port', 'hots', 'tls.cafile', 'retention.age']) expect(message).toContain(field)
  })

  it('refuses a host beside a cluster, and a database in one', () => {
    expect(refusal(() => resolveOptions({ host: 'a', cluster: [{ host: 'b' }] })).field).toBe('host')
    expect(refusal(() => resolveOptions({ db: 1, cluster: [{ host: 'b' }] })).field).toBe('db')
  })

  it('limits replay by count alone when nothing is said, and by nothing else when something is', () => {
    expect(resolveOptions({}).retention).toEqual({ count: 10_000, age: -1, bytes: -1 })
    expect(resolveOptions({ retention: { age: 5 } }).retention).toEqual({ count: -1, age: 5, bytes: -1 })
  })
})
