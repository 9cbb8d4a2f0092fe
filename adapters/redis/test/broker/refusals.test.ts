import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { connect, event, refusal, refusedConnection } from './attempts.ts'
import { type OwnServer, ownServer } from './own-server.ts'

const SECRET = 'hunter2-secret'
let server: OwnServer
let place: { host: string; port: number }

beforeAll(async () => {
  server = await ownServer('refusals')
  place = { host: server.host, port: server.port }
}, 120_000)
afterAll(() => server?.remove())

describe('a place where no server is', () => {
  it('is told from a host that is unknown, with where it was looked for', async () => {
    const error = await refusedConnection({ host: 'no-such-host.invalid' })
    assert.equal(error.code, 'CONNECTION_FAILED')
    assert.equal(error.field, 'host')
    assert.match(error.message, /no-such-host\.invalid:6379/)
    assert.ok(error.remedy)
  })

  it('names the port that nobody listens on', async () => {
    const error = await refusedConnection({ host: '127.0.0.1', port: 1 })
    assert.equal(error.code, 'CONNECTION_FAILED')
    assert.equal(error.retryable, true)
    assert.match(error.message, /127\.0\.0\.1:1/)
  })
})

describe('a login', () => {
  it('that is wrong is refused, and its password is not shown', async () => {
    const credentials = { username: 'nobody', password: SECRET }
    const error = await refusedConnection({ ...place, credentials }, [SECRET])
    assert.equal(error.code, 'AUTHENTICATION_FAILED')
    assert.equal(error.field, 'credentials')
    assert.ok(error.remedy)
  })

  it('that is missing is asked for', async () => {
    await server.admin.call('ACL', 'SETUSER', 'default', `>${SECRET}`, 'resetpass', `>${SECRET}`)
    try {
      const error = await refusedConnection(place)
      assert.equal(error.code, 'AUTHENTICATION_FAILED')
      assert.equal(error.field, 'credentials')
    } finally {
      await server.admin.call('ACL', 'SETUSER', 'default', 'nopass')
    }
  })

  it('is asked for again on each connection, so that it may change', async () => {
    await server.admin.call('ACL', 'SETUSER', 'rotating', 'reset', 'on', '>first', '~*', '&*', '+@all')
    let password = 'first'
    let calls = 0
    await using bus = await connect({
      ...place,
      credentials: () => {
        calls++
        return { username: 'rotating', password }
      },
    })
    await bus.publish('rotated', event())
    await server.admin.call('ACL', 'SETUSER', 'rotating', 'resetpass', '>second')
    password = 'second'
    const before = calls
    await server.admin.call('CLIENT', 'KILL', 'USER', 'rotating')
    await bus.publish('rotated', event('2'))
    assert.ok(calls > before)
  })
})

describe('a user without the rights', () => {
  const as = (username: string, ...rights: string[]) =>
    server.admin
      .call('ACL', 'SETUSER', username, 'reset', 'on', `>${SECRET}`, ...rights)
      .then(() => ({ ...place, credentials: { username, password: SECRET } }))

  it('to a command is told which', async () => {
    const options = await as('noscript', '~*', '&*', '+@all', '-evalsha', '-eval')
    await using bus = await connect(options)
    const error = await refusal(() => bus.publish('orders', event(), { timeout: 2_000 }), {
      secrets: [SECRET],
    })
    assert.equal(error.code, 'PERMISSION_DENIED')
    assert.match(error.message, /eval/)
    assert.ok(error.remedy)
  })

  it('to the keys is told before anything is published', async () => {
    const options = await as('nokeys', '~other:*', '&*', '+@all')
    await using bus = await connect(options)
    const error = await refusal(() => bus.subscribe('orders', { group: 'billing' }, () => {}))
    assert.equal(error.code, 'PERMISSION_DENIED')
    assert.ok(error.remedy)
  })

  it('needs no more than the page says', async () => {
    const options = await as(
      'documented',
      '~*',
      '&*',
      ...(
        '+@stream +@sortedset +@hash +@list +@set +@scripting +@pubsub +@connection ' +
        '+type +exists +pexpire +pttl +info +wait +time +memory|usage'
      ).split(' '),
    )
    await using bus = await connect(options)
    const seen = Promise.withResolvers<string>()
    await bus.subscribe('permitted', { group: 'billing' }, ({ event: { id }, attempt }) => {
      if (attempt === 1) throw new Error('once')
      seen.resolve(id)
    })
    await bus.publish('permitted', event(), { delay: 10 })
    assert.equal(await seen.promise, '1')
  })
})

describe('a server that cannot take it', () => {
  it('at maxmemory says that it is full, and takes it once there is room', async () => {
    await using bus = await connect(place)
    await bus.publish('full', event('0'))
    await server.admin.config('SET', 'maxmemory', '1')
    try {
      const error = await refusal(() => bus.publish('full', event('1'), { timeout: 800 }))
      assert.equal(error.code, 'PUBLISH_FAILED')
      assert.equal((error.cause as { code?: string }).code, 'BROKER_FULL')
      const waiting = bus.publish('full', event('2'), { timeout: 20_000 })
      await server.admin.config('SET', 'maxmemory', '0')
      await waiting
    } finally {
      await server.admin.config('SET', 'maxmemory', '0')
    }
    assert.equal(await server.admin.xlen('{full}'), 2)
  })

  it('as a read-only replica refuses for now', async () => {
    await using bus = await connect(place)
    await bus.publish('replica', event('0'))
    await server.admin.call('REPLICAOF', '127.0.0.1', '1')
    try {
      const error = await refusal(() => bus.publish('replica', event(), { timeout: 800 }))
      assert.equal(error.code, 'PUBLISH_FAILED')
      assert.equal((error.cause as { code?: string }).code, 'BROKER_REJECTED')
      assert.match((error.cause as { remedy?: string }).remedy ?? '', /replica/)
    } finally {
      await server.admin.call('REPLICAOF', 'NO', 'ONE')
    }
    await bus.publish('replica', event())
  })

  it('has a key of another type under the name of a topic', async () => {
    await server.admin.set('{taken}', 'a string')
    await using bus = await connect(place)
    const subscribed = await refusal(() => bus.subscribe('taken', { group: 'billing' }, () => {}))
    assert.equal(subscribed.code, 'TOPOLOGY_INCOMPATIBLE')
    assert.match(JSON.stringify(subscribed.issues ?? []) + subscribed.message, /\{taken\}/)
    assert.ok(subscribed.remedy ?? subscribed.issues?.[0]?.remedy)
  })

  it('is not even asked for what is larger than messageBytes', async () => {
    await using bus = await connect({ ...place, messageBytes: 1_000 })
    const large = { ...event(), data: 'x'.repeat(1_000) }
    const error = await refusal(() => bus.publish('large', large))
    assert.equal(error.code, 'PAYLOAD_TOO_LARGE')
    assert.equal(error.field, 'data')
    assert.equal(await server.admin.exists('{large}'), 0)
    await bus.publish('large', event())
  })
})
