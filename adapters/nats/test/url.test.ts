import { describe, expect, it } from 'vitest'
import { adapterFromUrl, nats } from '../src/index.ts'
import { resolveOptions } from '../src/options.ts'
import { optionsFromUrl } from '../src/url.ts'

describe('NATS URLs', () => {
  it('name several servers, a login and options', () => {
    expect(
      optionsFromUrl('nats://me:p%40ss@one:4222,two?replicas=3&storage=memory&retention.age=60000'),
    ).toEqual({
      servers: ['one:4222', 'two'],
      credentials: { user: 'me', password: 'p@ss' },
      replicas: 3,
      storage: 'memory',
      retention: { age: 60_000 },
    })
  })

  it('take a user without a password for a token, and tls:// for TLS', () => {
    expect(optionsFromUrl('tls://t0ken@host')).toEqual({
      servers: ['host'],
      credentials: { token: 't0ken' },
      tls: true,
    })
  })

  it.each([
    ['nats://host?replica=3', 'replica'],
    ['nats://host?replicas=three', 'replicas'],
    ['nats://host?replicas=1&replicas=3', 'replicas'],
    ['nats://host?replicas=9', 'replicas'],
    ['nats://host?storage=tape', 'storage'],
    ['nats://one,,two', 'url'],
    ['nats://%zz:secret@host', 'url'],
    ['redis://host', 'url'],
    ['nats://', 'url'],
  ])('refuse %s, naming %s and no secret', (url, field) => {
    let caught: unknown
    try {
      adapterFromUrl(url)
    } catch (error) {
      caught = error
    }
    expect(caught).toMatchObject({ code: 'INVALID_OPTIONS', field })
    expect(String(caught)).not.toContain('secret')
  })
})

describe('NATS options', () => {
  it('are all checked in one error, which shows no secret', () => {
    const bad = {
      servers: ['nats://x'],
      replicas: 0,
      nope: 1,
      retention: { size: 1 },
      credentials: { user: 'hidden' },
      tls: { ca: 1 },
    }
    let caught: unknown
    try {
      nats(bad as never)
    } catch (error) {
      caught = error
    }
    expect((caught as { issues: { field: string }[] }).issues.map(issue => issue.field).sort()).toEqual(
      ['credentials', 'nope', 'replicas', 'retention.size', 'servers', 'tls.ca'].sort(),
    )
    expect(String(caught)).not.toContain('hidden')
  })

  it('call a credentials function for each login, and refuse what it should not return', async () => {
    let calls = 0
    const { credentials } = resolveOptions({ credentials: () => ({ token: String(++calls) }) })
    expect(await credentials?.()).toEqual({ token: '1' })
    expect(await credentials?.()).toEqual({ token: '2' })
    const wrong = resolveOptions({ credentials: (() => ({ user: 'x' })) as never })
    await expect(wrong.credentials?.()).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      field: 'credentials',
    })
  })
})
