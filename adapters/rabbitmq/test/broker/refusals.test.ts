import { type BusError, createBus, isBusError } from '@busbar/core'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { rabbitmq } from '../../src/index.ts'
import { until } from './support/until.ts'

const SECRET = 'b7-open-sesame'
/** By user: what may be configured, written and read. */
const PERMISSIONS = {
  'all-rights': ['.*', '.*', '.*'],
  'no-configure': ['^$', '.*', '.*'],
  'no-write': ['.*', '^$', '.*'],
  'no-read': ['.*', '.*', '^$'],
} as const
type User = keyof typeof PERMISSIONS

let broker: StartedBroker
let host: string

beforeAll(async () => {
  broker = await startBroker('rabbitmq', { environment: {}, instance: `refusals-${process.pid}` })
  host = new URL(broker.url).host
  await ctl('add_vhost', 'closed')
  for (const [user, permissions] of Object.entries(PERMISSIONS)) {
    await ctl('add_user', user, SECRET)
    await ctl('set_permissions', user, ...permissions)
  }
})
afterAll(() => broker?.remove())

const ctl = (...command: string[]) => broker.exec(['rabbitmqctl', '-q', ...command])

const event = (data: unknown = 1) => ({ id: 'a', source: '/test', type: 'com.example.test', data })

const busOf = (user: User, options: Parameters<typeof rabbitmq>[0] = {}, topology?: 'none') =>
  createBus(
    rabbitmq({ url: `amqp://${host}`, credentials: { username: user, password: SECRET }, ...options }),
    topology === undefined ? {} : { topology },
  )

async function failureOf(work: () => Promise<unknown>): Promise<BusError> {
  try {
    await work()
  } catch (error) {
    if (isBusError(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('a user without a permission', () => {
  it.each<User>(['no-configure', 'no-write', 'no-read'])('is told which: %s', async user => {
    await using bus = await busOf(user)
    const error = await failureOf(() => bus.subscribe('orders', { group: 'billing' }, () => {}))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', field: 'credentials', retryable: false })
    expect(error.message).toContain(`${user.slice(3)} access to`)
    expect(error.message).toContain(`refused for user '${user}'`)
  })

  it('may not publish to what others made, and other topics go on', async () => {
    await using owner = await busOf('all-rights')
    await owner.subscribe('shared', { group: 'billing' }, () => {})
    await using bus = await busOf('no-write', {}, 'none')
    const error = await failureOf(() => bus.publish('shared', event()))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', field: 'credentials' })
    expect(error.message).toContain('write access')
  })

  it('may not read what others made: the subscription says so, and not only the log', async () => {
    await using owner = await busOf('all-rights')
    const first = await owner.subscribe('kept', { group: 'billing' }, () => {})
    await first.close()
    const errors: BusError[] = []
    await using bus = await createBus(
      rabbitmq({ url: `amqp://${host}`, credentials: { username: 'no-read', password: SECRET } }),
      { topology: 'none', onError: error => void errors.push(error) },
    )
    const subscription = await bus.subscribe('kept', { group: 'billing' }, () => {})
    await until(() => subscription.state === 'failed', 'the subscription to fail')
    expect(errors.map(({ code }) => code)).toContain('PERMISSION_DENIED')
  })
})

describe('a virtual host', () => {
  it.each([
    ['does not exist', 'nowhere'],
    ['is closed to the user', 'closed'],
  ])('that %s is told by the URL’s name', async (_, vhost) => {
    const error = await failureOf(() => busOf('all-rights', { url: `amqp://${host}/${vhost}` }))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', field: 'url', retryable: false })
    expect(error.message).toContain(`/${vhost}`)
  })
})

describe('a message above the broker’s own limit', () => {
  it('fails as too large at once, and what is on its way beside it arrives', async () => {
    await using bus = await busOf('all-rights', { messageBytes: 64 * 2 ** 20 })
    const seen: string[] = []
    await bus.subscribe('large', { group: 'billing' }, ({ event }) => void seen.push(event.id))
    const large = failureOf(() => bus.publish('large', event('x'.repeat(17 * 2 ** 20))))
    await Promise.all(['b', 'c'].map(id => bus.publish('large', { ...event(), id })))
    expect(await large).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', field: 'data', retryable: false })
    await until(() => seen.includes('b') && seen.includes('c'), 'the others')
  })
})

describe('what is there already and different', () => {
  it.each([
    ['a queue', 'taken', 'queue'],
    ['an exchange', 'taken-too', 'exchange'],
  ])('is named: %s', async (_, topic, what) => {
    const connection = await connect(broker.url)
    const channel = await connection.createChannel()
    if (what === 'queue')
      await channel.assertQueue(`${topic}__billing__queue`, { arguments: { 'x-max-length': 5 } })
    else await channel.assertExchange(topic, 'direct')
    await connection.close()
    await using bus = await busOf('all-rights')
    const error = await failureOf(() => bus.subscribe(topic, { group: 'billing' }, () => {}))
    expect(error).toMatchObject({ code: 'TOPOLOGY_INCOMPATIBLE', field: 'topology', retryable: false })
    expect(error.message).toContain(topic)
  })
})

describe('credentials as a function', () => {
  it('are fetched anew for each connection, so a password can change under a running bus', async () => {
    await ctl('add_user', 'rotating', 'first')
    await ctl('set_permissions', 'rotating', '.*', '.*', '.*')
    let password = 'first'
    let asked = 0
    await using bus = await createBus(
      rabbitmq({
        url: `amqp://${host}`,
        credentials: () => {
          asked++
          return { username: 'rotating', password }
        },
      }),
    )
    await bus.publish('rotation', event())
    expect(asked).toBe(1)
    await ctl('change_password', 'rotating', 'second')
    password = 'second'
    await ctl('close_all_user_connections', 'rotating', 'rotation')
    await bus.publish('rotation', { ...event(), id: 'b' })
    expect(asked).toBeGreaterThan(1)
  })

  it.each([
    ['never settle', () => new Promise<never>(() => {})],
    ['have no password', () => ({ username: 'all-rights' }) as never],
  ])('that %s are refused in bounded time', async (_, credentials) => {
    const error = await failureOf(() => busOf('all-rights', { credentials, connectTimeout: 200 }))
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', field: 'credentials' })
  })
})

describe('several hosts', () => {
  it('are tried in turn', async () => {
    await using bus = await busOf('all-rights', { url: ['amqp://127.0.0.1:1', `amqp://${host}`] })
    await bus.publish('several', event())
  })

  it('fail with what one of them said, not with another that is down', async () => {
    const url = [`amqp://${host}`, 'amqp://127.0.0.1:1']
    const error = await failureOf(() =>
      busOf('all-rights', { url, credentials: { username: 'all-rights', password: `${SECRET}-not` } }),
    )
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', field: 'credentials' })
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET)
  })
})
