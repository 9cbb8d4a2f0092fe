import assert from 'node:assert/strict'
import { createBus } from '@busbar/core'
import { adapterFromUrl } from '@busbar/redis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type Certificates, makeCertificates } from '../../../../conformance/src/brokers/certificates.ts'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { secured } from '../../conformance/secured.ts'
import { connect, event, refusedConnection } from './attempts.ts'

let broker: StartedBroker
let certificates: Certificates
let place: { host: string; port: number }

/** What every adapter must do about TLS are conformance cases; here is what Redis has of its own: fields, URLs and names. */
beforeAll(async () => {
  certificates = await makeCertificates()
  broker = await startBroker('redis', {
    environment: {},
    instance: `tls-${process.pid}`,
    ports: [secured.port],
    ...secured.options(certificates, false),
  })
  place = { host: '127.0.0.1', port: broker.portOf(secured.port) }
})
afterAll(async () => {
  await broker?.remove()
})

describe('TLS', () => {
  it('names the authority that is not trusted', async () => {
    for (const options of [{ tls: true }, { tls: { ca: certificates.stranger } }] as const) {
      const error = await refusedConnection({ ...place, ...options })
      assert.equal(error.code, 'TLS_FAILED')
      assert.equal(error.field, 'tls.ca')
      assert.match(error.remedy ?? '', /tls\.ca/)
    }
    const byUrl = () => createBus(adapterFromUrl(`rediss://${place.host}:${place.port}`), { source: '/test' })
    await assert.rejects(byUrl, { code: 'TLS_FAILED', field: 'tls.ca' })
  })

  it('names the name that is not in the certificate', async () => {
    const tls = { ca: certificates.authority, servername: 'redis.example.com' }
    const error = await refusedConnection({ ...place, tls })
    assert.equal(error.code, 'TLS_FAILED')
    assert.equal(error.field, 'tls.servername')
  })

  it('takes the name that the certificate has, whatever the host is called', async () => {
    const tls = { ca: certificates.authority, servername: '127.0.0.1' }
    await using bus = await connect({ host: 'localhost', port: place.port, tls })
    await bus.publish('orders', event())
  })

  it('to a port that does not speak it is told apart, whichever bytes the handshake has', async () => {
    const plain = { host: '127.0.0.1', port: Number(new URL(broker.url).port) }
    // Whether the server answers or waits for more depends on the bytes of the handshake, which are random.
    for (let attempt = 0; attempt < 8; attempt++) {
      const error = await refusedConnection({ ...plain, tls: true, connectTimeout: 500 })
      assert.equal(error.code, 'TLS_FAILED')
      assert.equal(error.field, 'tls')
    }
  })

  it('is missed by a client without it, in bounded time and with a hint', async () => {
    const error = await refusedConnection(place)
    assert.equal(error.code, 'CONNECTION_FAILED')
    assert.match(error.remedy ?? '', /rediss:/)
  })
})
