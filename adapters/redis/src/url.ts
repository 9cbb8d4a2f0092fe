import type { Adapter } from '@busbar/core/adapter'
import { redis } from './adapter.ts'
import { invalidOption, type RedisNode, type RedisOptions } from './options.ts'

const NUMBERS = ['connectTimeout', 'operationTimeout', 'dedupeWindow', 'messageBytes', 'replicas'] as const
const RETENTION = ['count', 'age', 'bytes'] as const
const KNOWN: readonly string[] = [
  ...NUMBERS,
  ...RETENTION.map(name => `retention.${name}`),
  'mode',
  'master',
  'servername',
]

/**
 * The adapter for a `redis:` or `rediss:` (TLS) URL: `redis://user:password@host:6379/0?dedupeWindow=60000`. Several hosts with
 * commas are nodes of a cluster (`mode=cluster`) or sentinels (`mode=sentinel&master=NAME`).
 * @throws BusError INVALID_OPTIONS, naming the part.
 */
export function adapterFromUrl(url: URL | string): Adapter {
  return redis(optionsFromUrl(String(url)))
}

/** Exported for tests. */
export function optionsFromUrl(url: string): RedisOptions {
  // URL takes one host only: the others are cut out first.
  const match = /^(rediss?):\/\/([^/?#]*@)?([^/?#]*)(.*)$/s.exec(url)
  if (match === null) throw invalidOption('url', 'is not a redis: or rediss: URL', 'use redis://HOST:PORT')
  const [, scheme, user = '', hosts = '', rest = ''] = match
  const [first = '', ...others] = hosts.split(',')
  const parsed = parse(`${scheme}://${user}${first === '' ? 'localhost' : first}${rest}`)
  const parameters = readParameters(parsed.searchParams)
  if (parsed.hash !== '') throw invalidOption('url', 'has a fragment', 'percent-encode # as %23')
  const nodes = [nodeOf(parsed), ...others.map(host => nodeOf(parse(`${scheme}://${host}`)))]
  const tls = scheme === 'rediss'
  const servername = parameters.servername
  if (servername !== undefined && !tls) throw invalidOption('servername', 'is for TLS', 'use rediss:')
  const retention = Object.fromEntries(
    RETENTION.filter(name => `retention.${name}` in parameters).map(name => [
      name,
      wholeNumber(`retention.${name}`, parameters[`retention.${name}`] as string),
    ]),
  )
  return {
    ...place(nodes, parameters),
    ...(parsed.username === '' && parsed.password === ''
      ? {}
      : {
          credentials: {
            ...(parsed.username === '' ? {} : { username: decoded(parsed.username) }),
            ...(parsed.password === '' ? {} : { password: decoded(parsed.password) }),
          },
        }),
    ...database(parsed.pathname),
    ...(tls ? { tls: servername === undefined ? true : { servername } } : {}),
    ...Object.fromEntries(
      NUMBERS.filter(name => name in parameters).map(name => [
        name,
        wholeNumber(name, parameters[name] as string),
      ]),
    ),
    ...(Object.keys(retention).length === 0 ? {} : { retention }),
  }
}

function place(nodes: readonly RedisNode[], parameters: Readonly<Record<string, string>>): RedisOptions {
  const { mode, master } = parameters
  if (master !== undefined && mode !== 'sentinel')
    throw invalidOption('master', 'is for sentinels', 'add mode=sentinel')
  switch (mode) {
    case 'cluster':
      return { cluster: nodes }
    case 'sentinel':
      if (master === undefined) throw invalidOption('master', 'is missing', 'add master=NAME')
      return { sentinel: { name: master, nodes } }
    case undefined:
    case 'single':
      break
    default:
      throw invalidOption('mode', `${JSON.stringify(mode)} is not a mode`, 'use single, cluster or sentinel')
  }
  if (nodes.length > 1) throw invalidOption('url', 'names several hosts', 'add mode=cluster or mode=sentinel')
  return nodes[0] as RedisNode
}

function parse(text: string): URL {
  // The text may hold a password: neither it nor URL's own error may be shown.
  if (!URL.canParse(text))
    throw invalidOption('url', 'cannot be parsed', 'use redis://USER:PASSWORD@HOST:PORT/DB')
  return new URL(text)
}

function nodeOf(url: URL): RedisNode {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return url.port === '' ? { host } : { host, port: Number(url.port) }
}

function database(path: string): RedisOptions {
  const text = path.replace(/^\//, '')
  return text === '' ? {} : { db: wholeNumber('db', text) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalidOption('url', 'has credentials that are not percent-encoded', 'encode them')
  }
}

function readParameters(search: URLSearchParams): Record<string, string> {
  const parameters: Record<string, string> = {}
  for (const [name, value] of search) {
    if (!KNOWN.includes(name))
      throw invalidOption(name, 'is not a parameter of a redis: URL', `use one of ${KNOWN.join(', ')}`)
    if (name in parameters) throw invalidOption(name, 'is given twice', 'give it once')
    parameters[name] = value
  }
  return parameters
}

function wholeNumber(field: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw invalidOption(field, `${JSON.stringify(text.slice(0, 40))} is not a whole number`, 'pass digits only')
}
