import type { AdapterContext, Broker } from '@busbar/core/adapter'
import { isBusError } from '@busbar/core/adapter'
import { newClient, placeOf } from '../connection/driver.ts'
import { Link } from '../connection/link.ts'
import { serverInfo } from '../connection/server.ts'
import type { ResolvedOptions } from '../options.ts'
import { type OpenLink, RedisBroker } from './broker.ts'
import { LinkStates } from './link-states.ts'

/** @throws BusError CONNECTION_FAILED, AUTHENTICATION_FAILED, PERMISSION_DENIED or TLS_FAILED */
export async function connectBroker(options: ResolvedOptions, context: AdapterContext): Promise<Broker> {
  let broker: RedisBroker | undefined
  const states = new LinkStates(context.onState)
  let reported = ''
  const openLink: OpenLink = (events, name, more = {}) =>
    new Link({
      open: () => newClient(options, `${context.clientName}:${name}`),
      where: placeOf(options),
      clock: context.clock,
      random: context.random,
      connectTimeout: options.connectTimeout,
      timeout: options.operationTimeout,
      // What passes is not reported; what somebody has to mend is, once.
      onAttemptFailed(error) {
        if (!isBusError(error) || error.code === 'CONNECTION_FAILED' || error.code === reported) return
        reported = error.code
        context.onError(error, 'reconnect')
      },
      ...events,
      ...more,
    })
  const link = openLink(
    {
      onUp() {
        reported = ''
        if (broker === undefined) return
        states.up('shared')
        broker.restored()
      },
      onDown(cause) {
        if (link.state === 'closed') return
        states.down('shared', cause)
        broker?.dropped()
      },
    },
    'shared',
  )
  await link.connect()
  try {
    const info = await serverInfo(link)
    broker = new RedisBroker({ options, context, link, openLink, states, server: info })
  } catch (error) {
    await link.close()
    throw error
  }
  states.up('shared')
  return broker
}
