import type { AdapterContext, Broker } from '@busbar/core/adapter'
import { isBusError } from '@busbar/core/adapter'
import { newClient, placeOf } from '../connection/driver.ts'
import { Link } from '../connection/link.ts'
import type { ResolvedOptions } from '../options.ts'
import { type OpenLink, RedisBroker, type ServerInfo } from './broker.ts'

/** @throws BusError CONNECTION_FAILED, AUTHENTICATION_FAILED, PERMISSION_DENIED or TLS_FAILED */
export async function connectBroker(options: ResolvedOptions, context: AdapterContext): Promise<Broker> {
  let broker: RedisBroker | undefined
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
        context.onState('live')
        broker.restored()
      },
      onDown(cause) {
        if (link.state === 'closed') return
        context.onState('reconnecting', cause)
        broker?.dropped()
      },
    },
    'shared',
  )
  await link.connect()
  try {
    const info = await serverInfo(link)
    broker = new RedisBroker(options, context, link, openLink, info)
  } catch (error) {
    await link.close()
    throw error
  }
  context.onState('live')
  return broker
}

async function serverInfo(link: Link): Promise<ServerInfo> {
  // A user may lack INFO: it only serves reports and a faster command.
  const text = await link.call('INFO', ['server']).then(String, () => '')
  const valkey = /^valkey_version:(\S+)/m.exec(text)?.[1]
  if (valkey !== undefined)
    return { name: `Valkey ${valkey}`, major: Math.max(7, Number.parseInt(valkey, 10)) }
  const version = /^redis_version:(\S+)/m.exec(text)?.[1]
  return version === undefined
    ? { name: 'Redis', major: 6 }
    : { name: `Redis ${version}`, major: Number.parseInt(version, 10) }
}
