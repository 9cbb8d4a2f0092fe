import type { Adapter } from '@busbar/core/adapter'
import { nats } from './adapter.ts'
import { invalidOption, type NatsCredentials, type NatsOptions, NUMBERS, RETENTION } from './options.ts'

const FORM = 'nats://[user:password@]host[:port][,host…][?option=value]'

/**
 * The adapter for `nats://host:4222`, `nats://user:password@one:4222,two:4222?replicas=3`, or `tls://…`. A user without a
 * password is a token. Options of {@link NatsOptions} that are numbers or words are query parameters, `retention.age` among them.
 * @throws BusError INVALID_OPTIONS naming the parameter; no secret is in the message.
 */
export const adapterFromUrl = (url: URL | string): Adapter => nats(optionsFromUrl(url))

/** @throws BusError INVALID_OPTIONS */
export function optionsFromUrl(url: URL | string): NatsOptions {
  const match = /^(nats|tls):\/\/(?:([^/?#]*)@)?([^/?#@]+)\/?(?:\?([^#]*))?$/.exec(String(url))
  if (match === null) throw invalidOption('url', 'is not a NATS URL', `use ${FORM}`)
  const [, scheme, login, hosts, query] = match
  const servers = (hosts ?? '').split(',')
  if (servers.some(server => server === '')) throw invalidOption('url', 'has an empty host', `use ${FORM}`)
  return {
    servers,
    ...(login === undefined || login === '' ? {} : { credentials: credentialsFrom(login) }),
    ...(scheme?.toLowerCase() === 'tls' ? { tls: true } : {}),
    ...parameters(new URLSearchParams(query)),
  }
}

function credentialsFrom(login: string): NatsCredentials {
  const colon = login.indexOf(':')
  try {
    if (colon === -1) return { token: decodeURIComponent(login) }
    return {
      user: decodeURIComponent(login.slice(0, colon)),
      password: decodeURIComponent(login.slice(colon + 1)),
    }
  } catch {
    throw invalidOption(
      'url',
      'has a login that is not percent-encoded',
      'encode user and password with encodeURIComponent',
    )
  }
}

function parameters(query: URLSearchParams): NatsOptions {
  const options: Record<string, unknown> = {}
  const retention: Record<string, number> = {}
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name)
    const [value = ''] = values
    if (values.length > 1) throw invalidOption(name, 'is there more than once', 'give each parameter once')
    const limit = RETENTION.find(each => `retention.${each}` === name)
    if (limit !== undefined) retention[limit] = numberIn(name, value)
    else if (Object.hasOwn(NUMBERS, name)) options[name] = numberIn(name, value)
    else if (name === 'storage' || name === 'inboxPrefix') options[name] = value
    else {
      const known = [
        ...Object.keys(NUMBERS),
        'storage',
        'inboxPrefix',
        ...RETENTION.map(each => `retention.${each}`),
      ]
      throw invalidOption(name, 'is not a parameter of a NATS URL', `use one of ${known.join(', ')}`)
    }
  }
  return { ...options, ...(Object.keys(retention).length > 0 ? { retention } : {}) }
}

function numberIn(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw invalidOption(name, 'is not a whole number', 'give digits alone')
}
