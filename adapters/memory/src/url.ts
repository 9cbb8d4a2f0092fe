import type { Adapter } from '@busbar/core/adapter'
import { memory } from './adapter.ts'
import { MemoryBroker } from './memory-broker.ts'
import { invalidOption, type MemoryBrokerOptions } from './options.ts'

const NUMBERS = [
  'maxBytes',
  'maxMessages',
  'messageBytes',
  'dedupeWindow',
  'dedupeCount',
  'operationTimeout',
] as const
const RETENTION = ['age', 'bytes', 'count'] as const
const KNOWN: readonly string[] = [...NUMBERS, ...RETENTION.map(name => `retention.${name}`)]

/** Brokers by name, for as long as the process lives. */
const named = new Map<string, { readonly broker: MemoryBroker; readonly query: string }>()

/**
 * The adapter for a `memory:` URL. `memory:` has a broker of its own; `memory:NAME` is one broker per name in this
 * process. Query parameters set options: `memory:?maxMessages=1000&retention.count=0`.
 * @throws BusError INVALID_OPTIONS, naming the parameter.
 */
export function adapterFromUrl(url: URL | string): Adapter {
  const parsed = parse(url)
  const name = decodeURIComponent(`${parsed.host}${parsed.pathname}`.replace(/^\/+|\/+$/g, ''))
  const options = optionsFrom(parsed.searchParams)
  if (name === '') return memory(options)
  const existing = named.get(name)
  if (existing === undefined) {
    const broker = new MemoryBroker(options)
    named.set(name, { broker, query: sorted(parsed.searchParams) })
    return memory({ broker })
  }
  if (parsed.search !== '' && sorted(parsed.searchParams) !== existing.query) {
    throw invalidOption(
      'url',
      `broker "${name}" exists with other options`,
      'use the same ones, or none, or another name',
    )
  }
  return memory({ broker: existing.broker })
}

function parse(url: URL | string): URL {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : url
  if (typeof parsed === 'string' || parsed.protocol !== 'memory:') {
    throw invalidOption(
      'url',
      `${JSON.stringify(String(url))} is not a memory: URL`,
      'use memory: or memory:NAME',
    )
  }
  const extra =
    parsed.username !== '' || parsed.password !== '' ? 'credentials' : parsed.hash !== '' ? 'a fragment' : ''
  if (extra !== '')
    throw invalidOption('url', `has ${extra}, which the memory broker does not use`, 'leave it out')
  return parsed
}

function optionsFrom(parameters: URLSearchParams): MemoryBrokerOptions {
  const numbers: Record<string, number> = {}
  for (const [name, text] of parameters) {
    if (!KNOWN.includes(name)) {
      throw invalidOption(name, 'is not a parameter of a memory: URL', `use one of ${KNOWN.join(', ')}`)
    }
    if (!/^\d+$/.test(text))
      throw invalidOption(name, `${JSON.stringify(text)} is not a whole number`, 'pass digits only')
    if (name in numbers) throw invalidOption(name, 'is given twice', 'give it once')
    numbers[name] = Number(text)
  }
  const retention = RETENTION.filter(name => `retention.${name}` in numbers)
  return {
    ...Object.fromEntries(NUMBERS.filter(name => name in numbers).map(name => [name, numbers[name]])),
    ...(retention.length === 0
      ? {}
      : { retention: Object.fromEntries(retention.map(name => [name, numbers[`retention.${name}`]])) }),
  }
}

function sorted(parameters: URLSearchParams): string {
  const copy = new URLSearchParams(parameters)
  copy.sort()
  return copy.toString()
}
