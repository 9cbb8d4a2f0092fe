import { type Adapter, BusError } from '@busbar/core/adapter'
import { rabbitmq } from '../adapter.ts'
import type { RabbitmqOptions } from './options.ts'

const NUMBERS = ['replicas', 'heartbeat', 'connectTimeout', 'operationTimeout', 'messageBytes'] as const
const KNOWN = [...NUMBERS, 'queueType', 'wildcards'] as const

/**
 * The adapter for an `amqp://` or `amqps://` URL; the path is the virtual host, query parameters are options:
 * `amqp://user:secret@host:5672/production?queueType=quorum&heartbeat=20`. More nodes follow the first host, joined by commas.
 * @throws BusError INVALID_OPTIONS, naming the parameter.
 */
export function adapterFromUrl(url: URL | string): Adapter {
  return rabbitmq(optionsFromUrl(String(url)))
}

export function optionsFromUrl(text: string): RabbitmqOptions {
  const match = /^(amqps?:\/\/)(?:([^@/?#]*)@)?([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(text)
  if (match === null) throw invalid('url', 'is not an amqp:// or amqps:// URL', 'use amqp://host:5672/vhost')
  const [, scheme = '', login, hosts = '', path = '', query = ''] = match
  const auth = login === undefined ? '' : `${login}@`
  const urls = hosts.split(',').map(host => `${scheme}${auth}${host}${path}`)
  const parameters = new URLSearchParams(query)
  const options: Record<string, unknown> = { url: urls }
  for (const [name, value] of parameters) {
    if (!(KNOWN as readonly string[]).includes(name)) {
      throw invalid(name, 'is not a parameter of an amqp: URL', `use one of ${KNOWN.join(', ')}`)
    }
    if (name in options) throw invalid(name, 'is given twice', 'give it once')
    options[name] = parsed(name, value)
  }
  return options as RabbitmqOptions
}

function parsed(name: string, text: string): unknown {
  if (name === 'queueType') return text
  if (name === 'wildcards') {
    if (text === 'true' || text === 'false') return text === 'true'
    throw invalid(name, `${JSON.stringify(text)} is not true or false`, 'use true or false')
  }
  if (!/^\d+$/.test(text))
    throw invalid(name, `${JSON.stringify(text)} is not a whole number`, 'pass digits only')
  return Number(text)
}

const invalid = (field: string, problem: string, remedy: string) =>
  new BusError('INVALID_OPTIONS', `rabbitmq: ${field}: ${problem}`, { field, remedy })
