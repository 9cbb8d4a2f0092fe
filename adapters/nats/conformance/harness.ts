import { connect } from '@nats-io/transport-node'
import { brokerHarness } from '../../../conformance/src/brokers/broker-harness.ts'
import { nats } from '../src/index.ts'
import { optionsFromUrl } from '../src/url.ts'
import { rawClient } from './raw-client.ts'
import { secured } from './secured.ts'

/** What cases are in a hurry about: a crashed member's events go to others after `ackWait`. */
const IMPATIENT = { reconnectDelay: 50, pingInterval: 1_000, operationTimeout: 3_000, ackWait: 2_000 }

/** NATS for the conformance suite: 2.15, or 2.10 with `--server nats-2.10`. */
export default brokerHarness({
  name: 'nats',
  servers: ['nats', 'nats-2.10'],
  secured,
  async connect({ url }) {
    const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
    const api = async (call: string, body = '') =>
      (await connection.request(`$JS.API.STREAM.${call}`, body)).json<{ streams?: string[] | null }>()
    return {
      adapter: through => nats({ ...IMPATIENT, ...optionsFromUrl(through) }),
      raw: prefix => rawClient(connection, prefix),
      async cleanUp(prefix) {
        // One page of at most 1,024: cases clean up after themselves.
        const { streams } = await api('NAMES')
        const own = (streams ?? []).filter(name => name.startsWith(`${prefix}___`))
        await Promise.all(own.map(name => api(`DELETE.${name}`)))
      },
      close: () => connection.close(),
    }
  },
})
