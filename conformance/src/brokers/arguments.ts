import { BROKER_NAMES, type BrokerName, isBrokerName } from './catalogue.ts'

/** What `npm run brokers` is asked for. */
export type BrokersCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'up' | 'down' | 'status'; readonly names: readonly BrokerName[] }

export const HELP = `Starts brokers in containers for development and tests.

  brokers up [NAME…]       start them, all when none is named, and print their URLs
  brokers down [NAME…]     stop and remove them, with what they hold
  brokers status [NAME…]   which run, in which version

Names: ${BROKER_NAMES.join(', ')}

BUSBAR_<NAME>_URL     a broker that is already there, used instead of a container
BUSBAR_<NAME>_IMAGE   another image
(nats-2.10 is BUSBAR_NATS_2_10_URL, and so on.)

Without a registry to pull from, the images are built from conformance/containers; that needs root on Debian.
`

/** A command line that was not understood; the message says which part. */
export class BrokersUsageError extends Error {
  override readonly name = 'BrokersUsageError'
}

/** @throws BrokersUsageError */
export function parseBrokersCommand(args: readonly string[]): BrokersCommand {
  const [verb, ...rest] = args
  if (args.includes('--help') || args.includes('-h')) return { kind: 'help' }
  if (verb === undefined) throw new BrokersUsageError('say what to do: up, down or status')
  if (verb !== 'up' && verb !== 'down' && verb !== 'status')
    throw new BrokersUsageError(`${verb}: not one of up, down, status`)
  const unknown = rest.filter(text => !isBrokerName(text))
  if (unknown.length > 0)
    throw new BrokersUsageError(`${unknown.join(', ')}: no such broker; there are ${BROKER_NAMES.join(', ')}`)
  const names = rest.filter(isBrokerName)
  return { kind: verb, names: names.length === 0 ? BROKER_NAMES : [...new Set(names)] }
}
