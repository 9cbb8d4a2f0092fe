import assert from 'node:assert/strict'
import { createBus } from '@busbar/core'
import { redis } from '@busbar/redis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { event, refusal } from './attempts.ts'
import { until } from './group-of-servers.ts'
import { type OwnServer, ownServer } from './own-server.ts'

let server: OwnServer

beforeAll(async () => {
  server = await ownServer('bounds')
}, 120_000)
afterAll(() => server?.remove())

describe('a server that stops answering', () => {
  it('holds no more than the bound of publishes, all of which settle, and takes up again', async () => {
    const place = { host: server.host, port: server.port, operationTimeout: 1_000, connectTimeout: 1_000 }
    await using bus = await createBus(redis(place), {
      source: '/test',
      publishing: { maxInFlight: 100, maxWaiting: 200 },
    })
    await bus.publish('stalled', event('0'))
    await server.broker.pause()
    try {
      const outcomes = await Promise.all(
        Array.from({ length: 400 }, (_, i) =>
          refusal(() => bus.publish('stalled', event(`${i + 1}`), { timeout: 3_000 })),
        ),
      )
      const count = (code: string) => outcomes.filter(error => error.code === code).length
      assert.equal(count('PUBLISH_OVERFLOW'), 100)
      assert.equal(count('PUBLISH_UNKNOWN') + count('PUBLISH_FAILED'), 300)
      assert.equal(bus.stats.publishing, 0)
    } finally {
      await server.broker.resume()
    }
    await bus.publish('stalled', event('after'), { timeout: 20_000 })
  })
})

describe('a backlog behind a slow handler', () => {
  it('stays at the server: the client holds a window of it, and the stream is trimmed as groups settle', async () => {
    const place = { host: server.host, port: server.port, retention: { count: 0 } }
    await using publisher = await createBus(redis(place), { source: '/test' })
    const slow = await publisher.subscribe('backlog', { group: 'slow' }, () => {})
    await slow.close()
    const total = 200_000
    let next = 0
    const publish = async () => {
      while (next < total) await publisher.publish('backlog', event(String(next++)))
    }
    await Promise.all(Array.from({ length: 1_000 }, publish))
    assert.equal(await server.admin.xlen('{backlog}'), total, 'what nobody has settled is there')

    await using bus = await createBus(redis(place), { source: '/test' })
    const before = process.memoryUsage()
    let started = 0
    let running = 0
    let most = 0
    let free = false
    const gates: (() => void)[] = []
    await bus.subscribe('backlog', { group: 'slow', concurrency: 10, prefetch: 100 }, async () => {
      started++
      most = Math.max(most, ++running)
      if (!free) await new Promise<void>(resolve => gates.push(resolve))
      running--
    })
    await until(async () => started === 10, 'the handlers to be full')
    const pending = async () => Number(((await server.admin.xpending('{backlog}', 'slow')) as unknown[])[0])
    assert.ok((await pending()) <= 100, 'more is reserved than the prefetch')
    const held = process.memoryUsage()
    const grown = (held.rss - before.rss) / 2 ** 20
    assert.ok(grown < 64, `the process grew by ${Math.round(grown)} MiB`)

    free = true
    for (const open of gates) open()
    await until(async () => started >= total, 'the backlog to be handled', 120_000)
    assert.ok(most <= 10)
    // Up to a node of the stream, and what was published since the last look, may stay.
    await until(
      async () => (await server.admin.xlen('{backlog}')) <= 2_000,
      'the stream to be trimmed',
      30_000,
    )
  }, 240_000)
})
