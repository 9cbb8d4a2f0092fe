import { type BusError, createBus } from '@busbar/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Certificates, makeCertificates } from '../../../../conformance/src/brokers/certificates.ts'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { type NatsTls, nats } from '../../src/index.ts'

let certificates: Certificates
let broker: StartedBroker

/** It waits a little for TLS before it speaks, so that both kinds of clients can come. */
const CONFIGURATION = `tls {
  cert_file: /etc/busbar/cert.pem, key_file: /etc/busbar/key.pem, ca_file: /etc/busbar/ca.pem
  handshake_first: "300ms"
}`

beforeAll(async () => {
  certificates = await makeCertificates()
  const { authority, server } = certificates
  broker = await startBroker('nats', {
    environment: {},
    instance: `tls-first-${process.pid}`,
    files: {
      '/etc/busbar/ca.pem': authority,
      '/etc/busbar/cert.pem': server.cert,
      '/etc/busbar/key.pem': server.key,
      '/etc/busbar/nats.conf': CONFIGURATION,
    },
    extraArguments: ['-c', '/etc/busbar/nats.conf'],
  })
})

afterAll(async () => {
  await broker?.remove()
})

const open = (tls: NatsTls) =>
  createBus(nats({ servers: new URL(broker.url).host, connectTimeout: 2_000, tls }), { source: '/test' })

it('shakes hands first where it is told to, and later where it is not', async () => {
  for (const handshakeFirst of [true, false]) {
    await using bus = await open({ ca: certificates.authority, handshakeFirst })
    const event = { id: `first-${handshakeFirst}`, source: '/test', type: 'com.example.placed' }
    expect(await bus.publish('orders', event)).toMatchObject({ id: event.id })
  }
})

it.each([
  ['a stranger', (c: Certificates) => ({ ca: c.stranger, handshakeFirst: true }), 'TLS_FAILED', 'tls.ca'],
  ['text that is no PEM', () => ({ ca: '/etc/ca.pem' }), 'INVALID_OPTIONS', 'tls.ca'],
  [
    'a certificate without its key',
    (c: Certificates) => ({ cert: c.client.cert }),
    'INVALID_OPTIONS',
    'tls.key',
  ],
  [
    "another's key",
    (c: Certificates) => ({ cert: c.client.cert, key: c.server.key }),
    'INVALID_OPTIONS',
    'tls.key',
  ],
])('refuses %s, naming the option and no text of a key', async (_, tls, code, field) => {
  const error = (await Promise.resolve()
    .then(() => open(tls(certificates)))
    .catch((error: unknown) => error)) as BusError
  expect(error).toMatchObject({ code, field })
  expect(error.remedy).toBeTruthy()
  expect(`${error.message}${error.stack}`).not.toContain('PRIVATE KEY')
})
