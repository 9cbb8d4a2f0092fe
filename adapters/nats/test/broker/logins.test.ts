import { type BusError, createBus, request } from '@busbar/core'
import { nkeys } from '@nats-io/nats-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { type NatsOptions, nats } from '../../src/index.ts'

const SECRET = 'b7-open-sesame'
const user = (name: string, permissions = '') =>
  `{ user: ${name}, password: "${SECRET}"${permissions === '' ? '' : `, permissions: { ${permissions} }`} }`
const seed = nkeys.createUser()

/** One server for all ways to be let in, and not to be let in. */
const CONFIGURATION = `
accounts {
  APP {
    jetstream: enabled
    users: [
      ${user('app')}
      ${user('no-api', 'publish: { deny: ["$JS.API.>"] }')}
      ${user('no-streams', 'publish: { deny: ["$JS.API.STREAM.CREATE.>"] }')}
      ${user('no-topic', 'publish: { deny: ["*.__.orders"] }')}
      ${user('no-requests', 'subscribe: { deny: ["*.__.busbar._____.request.>"] }')}
      ${user('own-inbox', 'subscribe: { allow: ["_INBOX_own.>"] }')}
      { nkey: ${seed.getPublicKey()} }
    ]
  }
  BARE { users: [ ${user('bare')} ] }
}
`

let broker: StartedBroker
let server = ''

beforeAll(async () => {
  broker = await startBroker('nats', {
    environment: {},
    instance: `logins-${process.pid}`,
    files: { '/etc/busbar/nats.conf': CONFIGURATION },
    extraArguments: ['-c', '/etc/busbar/nats.conf'],
  })
  server = new URL(broker.url).host
})

afterAll(async () => {
  await broker?.remove()
})

const as = (name: string): NatsOptions => ({ credentials: { user: name, password: SECRET } })

const open = (options: NatsOptions, onError: (error: BusError) => void = () => {}) =>
  createBus(nats({ servers: server, operationTimeout: 2_000, ...options }), {
    source: '/test',
    prefix: 'shop',
    onError,
  })

/** What it ends with, how soon, and without a secret in it. */
async function refusal(work: Promise<unknown>): Promise<BusError> {
  const start = Date.now()
  const error = (await work.then(
    () => expect.fail('it was let in'),
    error => error,
  )) as BusError
  expect(Date.now() - start).toBeLessThan(4_000)
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET)
  expect(error.remedy).toBeTruthy()
  return error
}

const placed = (id: string) => ({ id, source: '/test', type: 'com.example.placed' })

describe('logins', () => {
  it('by user, and by nkey', async () => {
    for (const options of [as('app'), { credentials: { nkey: new TextDecoder().decode(seed.getSeed()) } }]) {
      await using bus = await open(options)
      await bus.publish('invoices', placed(Math.random().toString()))
    }
  })

  it.each([
    ['a wrong password', { user: 'app', password: `${SECRET}-not` }],
    ['an unknown token', { token: `${SECRET}-token` }],
    ['a seed that is none', { nkey: `${SECRET}-nkey` }],
    ['credentials that are none', { creds: `${SECRET}-creds` }],
  ])('with %s are refused', async (_, credentials) => {
    expect(await refusal(open({ credentials }))).toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      field: 'credentials',
      retryable: false,
    })
  })

  it('ask for the credentials again at each connect', async () => {
    let asked = 0
    const credentials = async () => {
      asked++
      return { user: 'app', password: SECRET }
    }
    await using bus = await open({ credentials, reconnectDelay: 50 })
    expect(asked).toBe(1)
    await broker.restart()
    await bus.publish('invoices', placed('again'))
    expect(asked).toBeGreaterThan(1)
  })

  it('go to the next of several servers', async () => {
    await using bus = await open({ ...as('app'), servers: ['127.0.0.1:1', server] })
    await bus.publish('invoices', placed('next'))
  })
})

describe('permissions', () => {
  it('of the JetStream API are needed to connect', async () => {
    const error = await refusal(open(as('no-api')))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', field: 'credentials' })
    expect(error.message).toContain('$JS.API.INFO')
  })

  it('to make streams are needed where there is none', async () => {
    await using bus = await open(as('no-streams'))
    const error = await refusal(bus.publish('nowhere', placed('1')))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(error.message).toContain('$JS.API.STREAM.CREATE.shop___nowhere')
  })

  it('of a topic are needed to publish on it', async () => {
    await using bus = await open(as('no-topic'))
    const error = await refusal(bus.publish('orders', placed('1')))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(error.message).toContain('shop.__.orders')
  })

  it('of requests are needed to respond', async () => {
    await using bus = await open(as('no-requests'))
    const Ask = request('com.example.ask', { topic: 'ask', input: z.string(), output: z.string() })
    const error = await refusal(bus.respond(Ask, { group: 'g' }, ({ input }) => input))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(error.message).toContain('shop.__.busbar._____.request.ask')
  })

  it('of the inbox are needed for every answer', async () => {
    expect(await refusal(open(as('own-inbox')))).toMatchObject({
      code: 'PERMISSION_DENIED',
      field: 'inboxPrefix',
    })
    await using bus = await open({ ...as('own-inbox'), inboxPrefix: '_INBOX_own' })
    await bus.publish('invoices', placed('own'))
  })

  it('do not help where JetStream is off', async () => {
    const error = await refusal(open(as('bare')))
    expect(error).toMatchObject({ code: 'BROKER_REJECTED', field: 'credentials', retryable: false })
    expect(error.remedy).toMatch(/JetStream on/)
  })
})
