import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Adapter } from '../adapter/adapter.ts'
import { BusError, isBusError } from '../errors/bus-error.ts'

/** The adapters that a URL finds by itself, by scheme. Each package exports `adapterFromUrl(url)`. */
const PACKAGES: Readonly<Record<string, string>> = {
  memory: '@busbar/memory',
  amqp: '@busbar/rabbitmq',
  amqps: '@busbar/rabbitmq',
  nats: '@busbar/nats',
  // NATS's own scheme for TLS.
  tls: '@busbar/nats',
  redis: '@busbar/redis',
  rediss: '@busbar/redis',
}

type FromUrl = (url: string) => Adapter | Promise<Adapter>

/**
 * The adapter that a URL names.
 * @throws BusError ADAPTER_NOT_FOUND with what to install, or what the adapter says of the URL's options.
 */
export async function loadAdapter(url: string, own: Readonly<Record<string, FromUrl>>): Promise<Adapter> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    throw new BusError('ADAPTER_NOT_FOUND', `"${redacted(url)}" is not a broker URL`, {
      field: 'url',
      remedy: `start it with a scheme: ${known(own)}`,
    })
  }
  const custom = Object.hasOwn(own, scheme) ? own[scheme] : undefined
  if (custom !== undefined) return assertAdapter(await custom(url), `options.adapters.${scheme}`)
  const name = Object.hasOwn(PACKAGES, scheme) ? PACKAGES[scheme] : undefined
  if (name === undefined) {
    throw new BusError('ADAPTER_NOT_FOUND', `no adapter carries "${scheme}:"`, {
      field: 'url',
      remedy: `use one of ${known(own)}, or pass your own in options.adapters`,
    })
  }
  const module = await load(name, scheme)
  if (typeof module.adapterFromUrl !== 'function') {
    throw new BusError('ADAPTER_NOT_FOUND', `${name} exports no adapterFromUrl`, {
      field: 'url',
      remedy: `update ${name} to the version of @busbar/core`,
    })
  }
  return assertAdapter(await module.adapterFromUrl(url), name)
}

/** From where core is installed, or else from the application: package managers that isolate packages need the latter. */
async function load(name: string, scheme: string): Promise<{ adapterFromUrl?: FromUrl }> {
  try {
    return await import(name)
  } catch (error) {
    if (!isMissing(error, name)) throw error
  }
  try {
    const from = createRequire(pathToFileURL(`${process.cwd()}/`))
    return await import(pathToFileURL(from.resolve(name)).href)
  } catch (cause) {
    if (isBusError(cause)) throw cause
    throw new BusError('ADAPTER_NOT_FOUND', `"${scheme}:" needs the package ${name}`, {
      field: 'url',
      remedy: `npm install ${name}`,
      cause,
    })
  }
}

const isMissing = (error: unknown, name: string): boolean => {
  const code = (error as { code?: unknown } | null)?.code
  return (
    (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') &&
    String((error as Error).message).includes(name)
  )
}

const known = (own: object) =>
  [...new Set([...Object.keys(PACKAGES), ...Object.keys(own)])].map(scheme => `${scheme}:`).join(', ')

/** A URL as it may be shown: without user and password. */
export const redacted = (url: string): string => url.replace(/\/\/[^/?#]*@/, '//***@')

/** @throws BusError INVALID_OPTIONS */
export function assertAdapter(value: unknown, from: string): Adapter {
  if (typeof value === 'object' && value !== null && typeof (value as Adapter).connect === 'function')
    return value as Adapter
  throw new BusError('INVALID_OPTIONS', `${from}: is neither a URL nor an adapter`, {
    field: from,
    remedy: "use a broker's URL such as 'memory:', or an adapter such as memory()",
  })
}
