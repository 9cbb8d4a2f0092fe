import { describe, expect, it } from 'vitest'
import { resolveOptions } from '../../src/config/options.ts'
import { adapterFromUrl, optionsFromUrl } from '../../src/config/url.ts'

const thrown = (run: () => unknown): { code?: string; field?: string; message: string } => {
  try {
    run()
  } catch (error) {
    return error as { code?: string; field?: string; message: string }
  }
  throw new Error('nothing was thrown')
}

describe('an amqp: URL', () => {
  it('names hosts, login, virtual host and options', () => {
    const options = optionsFromUrl(
      'amqps://me:s%40fe@a:5671,b/staging?queueType=classic&heartbeat=20&wildcards=false',
    )
    expect(options).toEqual({
      url: ['amqps://me:s%40fe@a:5671/staging', 'amqps://me:s%40fe@b/staging'],
      queueType: 'classic',
      heartbeat: 20,
      wildcards: false,
    })
  })

  it.each([
    ['amqp://h?durable=true', 'durable'],
    ['amqp://h?heartbeat=soon', 'heartbeat'],
    ['amqp://h?heartbeat=1&heartbeat=2', 'heartbeat'],
    ['amqp://h?queueType=stream', 'queueType'],
    ['amqp://h?wildcards=perhaps', 'wildcards'],
    ['http://h', 'url'],
  ])('%s is refused, naming the field', (url, field) => {
    const error = thrown(() => adapterFromUrl(url))
    expect(error.code).toBe('INVALID_OPTIONS')
    expect(error.field).toBe(field)
  })

  it('never shows a password', () => {
    expect(thrown(() => adapterFromUrl('amqp://me:s3cret@h?x=1')).message).not.toContain('s3cret')
    expect(thrown(() => resolveOptions({ url: 'redis://me:s3cret@h' })).message).not.toContain('s3cret')
  })
})

describe('options', () => {
  it('have defaults that are durable', () => {
    expect(resolveOptions({})).toMatchObject({ queueType: 'quorum', wildcards: true, heartbeat: 10 })
  })

  it('are refused together, each by its name', () => {
    const error = thrown(() =>
      resolveOptions({ heartbeat: 0, messageBytes: 1.5, prefetch: 3, tls: { sni: 'x' }, url: [] } as never),
    ) as unknown as { issues: { field: string }[] }
    expect(error.issues.map(issue => issue.field).sort()).toEqual([
      'heartbeat',
      'messageBytes',
      'prefetch',
      'tls.sni',
      'url',
    ])
  })
})
