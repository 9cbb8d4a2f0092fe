import assert from 'node:assert/strict'
import { createBus } from '@busbar/core'
import { adapterFromUrl } from '@busbar/redis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { connect, event, refusedConnection } from './attempts.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { type OwnServer, ownServer } from './own-server.ts'

let server: OwnServer
let certificates: Certificates
let place: { host: string; port: number }

/** The published port speaks TLS from now on, and a port inside the container stays plain, to go on configuring by. */
const PLAIN = '6380'
const configure = (...settings: string[]) =>
  server.broker.exec(['redis-cli', '-p', PLAIN, 'config', 'set', ...settings])

beforeAll(async () => {
  certificates = await makeCertificates()
  server = await ownServer('tls')
  server.admin.disconnect()
  place = { host: server.host, port: server.port }
  const put = async (name: string, text: string) => {
    const base64 = Buffer.from(text).toString('base64')
    await server.broker.exec(['sh', '-c', `echo ${base64} | base64 -d > /tmp/${name}`])
  }
  await put('ca.pem', certificates.ca)
  await put('server.pem', certificates.server.cert)
  await put('server.key', certificates.server.key)
  await server.broker.exec(['redis-cli', 'config', 'set', 'port', PLAIN])
  const files = ['tls-ca-cert-file', '/tmp/ca.pem', 'tls-cert-file', '/tmp/server.pem']
  await configure(...files, 'tls-key-file', '/tmp/server.key', 'tls-auth-clients', 'no', 'tls-port', '6379')
}, 120_000)
afterAll(() => server?.remove())

describe('TLS', () => {
  it('connects with the authority it is told, and delivers', async () => {
    await using bus = await connect({ ...place, tls: { ca: certificates.ca } })
    const seen = Promise.withResolvers<string>()
    await bus.subscribe('orders', { group: 'billing' }, ({ event: { id } }) => seen.resolve(id))
    await bus.publish('orders', event('over TLS'))
    assert.equal(await seen.promise, 'over TLS')
  })

  it('refuses an authority that is not trusted', async () => {
    for (const options of [{ tls: true }, { tls: { ca: certificates.stranger } }] as const) {
      const error = await refusedConnection({ ...place, ...options })
      assert.equal(error.code, 'TLS_FAILED')
      assert.equal(error.field, 'tls.ca')
      assert.match(error.remedy ?? '', /tls\.ca/)
    }
    const byUrl = () => createBus(adapterFromUrl(`rediss://${place.host}:${place.port}`), { source: '/test' })
    await assert.rejects(byUrl, { code: 'TLS_FAILED', field: 'tls.ca' })
  })

  it('refuses a certificate for another name', async () => {
    const tls = { ca: certificates.ca, servername: 'redis.example.com' }
    const error = await refusedConnection({ ...place, tls })
    assert.equal(error.code, 'TLS_FAILED')
    assert.equal(error.field, 'tls.servername')
  })

  it('takes the name that the certificate has', async () => {
    await using bus = await connect({ ...place, tls: { ca: certificates.ca, servername: 'localhost' } })
    await bus.publish('orders', event())
  })

  it('to a port that does not speak it is told apart', async () => {
    const plain = await ownServer('plain')
    try {
      // Whether the server answers or waits for more depends on the bytes of the handshake, which are random.
      for (let attempt = 0; attempt < 8; attempt++) {
        const place = { host: plain.host, port: plain.port }
        const error = await refusedConnection({ ...place, tls: true, connectTimeout: 500 })
        assert.equal(error.code, 'TLS_FAILED')
        assert.equal(error.field, 'tls')
      }
    } finally {
      await plain.remove()
    }
  })

  it('is missed by a client without it, in bounded time and with a hint', async () => {
    const error = await refusedConnection(place)
    assert.equal(error.code, 'CONNECTION_FAILED')
    assert.match(error.remedy ?? '', /rediss:/)
  })

  it('in both directions asks for a certificate of the client, and takes one', async () => {
    await configure('tls-auth-clients', 'yes')
    try {
      const error = await refusedConnection({ ...place, tls: { ca: certificates.ca } })
      assert.equal(error.code, 'TLS_FAILED')
      assert.equal(error.field, 'tls.cert')
      await using bus = await connect({ ...place, tls: { ca: certificates.ca, ...certificates.client } })
      await bus.publish('orders', event())
    } finally {
      await configure('tls-auth-clients', 'no')
    }
  })
})
