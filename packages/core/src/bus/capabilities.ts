import { CAPABILITY_IDS, type Capabilities, type CapabilityId } from '../adapter/capabilities.ts'
import type { Topic } from '../contracts/index.ts'
import { BusError, type Issue, issuesError } from '../errors/bus-error.ts'

const reasonOf = (capabilities: Capabilities, id: CapabilityId): string | undefined => {
  const capability = capabilities.of[id]
  return capability.support === 'unsupported' ? capability.reason : undefined
}

/** @throws BusError CAPABILITY_UNSUPPORTED naming the option that asked for it. */
export function requireCapability(
  adapter: string,
  capabilities: Capabilities,
  id: CapabilityId,
  field: string,
): void {
  const reason = reasonOf(capabilities, id)
  if (reason === undefined) return
  throw new BusError('CAPABILITY_UNSUPPORTED', `the ${adapter} adapter does not support ${id}: ${reason}`, {
    field,
    remedy: `leave ${field} out, or choose an adapter whose manifest has ${id}`,
  })
}

/** Something asked of the adapter, and the option that asks for it. */
export interface Demand {
  readonly id: CapabilityId
  readonly field: string
}

/** What a topic's declaration cannot do without. */
export const topicDemands = (topic: Topic, field: string): readonly Demand[] => [
  ...(topic.ordered ? [{ id: 'order.key' as const, field }] : []),
  ...(topic.retention === undefined ? [] : [{ id: 'topic.retention' as const, field: `${field}.retention` }]),
]

/** What is wrong with a list of demands: all of it, so that one start shows everything. */
export function demandIssues(
  adapter: string,
  capabilities: Capabilities,
  demands: readonly Demand[],
): readonly Issue[] {
  return demands.flatMap(({ id, field }) => {
    const reason = reasonOf(capabilities, id)
    return reason === undefined
      ? []
      : [
          {
            field,
            problem: `${id} is not supported by the ${adapter} adapter: ${reason}`,
            remedy: 'do without it, or choose another adapter',
          },
        ]
  })
}

/** @throws BusError CAPABILITY_UNSUPPORTED listing every demand that cannot be met. */
export function requireAll(adapter: string, capabilities: Capabilities, demands: readonly Demand[]): void {
  const issues = demandIssues(adapter, capabilities, demands)
  if (issues.length > 0)
    throw issuesError('CAPABILITY_UNSUPPORTED', `the ${adapter} adapter cannot do what is asked`, issues)
}

/**
 * Nothing of a request is stored, so that its topic's retention means nothing to it; but a declaration that the adapter
 * cannot keep is refused wherever it is used.
 * @throws BusError CAPABILITY_UNSUPPORTED naming `call`, or what of the topic cannot be kept.
 */
export function requireRequests(
  adapter: string,
  capabilities: Capabilities,
  topic: Topic,
  call: 'request' | 'respond',
): void {
  requireCapability(adapter, capabilities, 'request.reply', call)
  if (topic.retention !== undefined) requireAll(adapter, capabilities, topicDemands(topic, 'topic'))
}

export const isCapabilityId = (value: unknown): value is CapabilityId =>
  (CAPABILITY_IDS as readonly unknown[]).includes(value)
