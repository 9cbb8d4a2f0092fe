import type { RawMessage } from '../adapter/envelope.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import { type AnyEventContract, isEventContract, isTopic, type Topic } from '../contracts/index.ts'
import { BusError, type Issue, issuesError } from '../errors/bus-error.ts'
import { patternIssue } from '../names/index.ts'
import { type ResolvedPolicy, RetryBudget, type RetryPolicyInput, resolvePolicy } from '../retry/index.ts'

/** How events of one type are handled. */
export interface Route {
  /** Undefined on a raw topic: data is handed out as it came. */
  readonly contract: AnyEventContract | undefined
  readonly policy: ResolvedPolicy
  /** Whether the contract declares extensions. */
  readonly typedExtensions: boolean
}

/** What a subscription handles: of one topic, the types its contracts name, or all of them. */
export interface DispatchTable {
  /** A topic's name or a pattern. */
  readonly name: string
  /** The topic's declaration, unless the target is a pattern or a bare name. */
  readonly topic: Topic | undefined
  /** Makes an event of a message that is not one. */
  readonly decode: ((raw: RawMessage) => CloudEventInput) | undefined
  /** For types of no contract; on a raw topic, for all. */
  readonly fallback: ResolvedPolicy
  readonly raw: boolean
  /** Shared by all types: what protects the downstream must see all retries. */
  readonly budget: RetryBudget | undefined
  route(type: string): Route | undefined
}

/**
 * Builds the table from a subscription's target.
 * @throws BusError INVALID_OPTIONS or ILLEGAL_NAME, with every problem.
 */
export function dispatchTable(
  target: unknown,
  layers: readonly (RetryPolicyInput | undefined)[],
): DispatchTable {
  const contracts = isEventContract(target) ? [target] : Array.isArray(target) ? target : undefined
  const fallback = resolvePolicy(...layers)
  const budget = fallback.budget === false ? undefined : new RetryBudget(fallback.budget)
  if (contracts === undefined) {
    const topic = isTopic(target) ? target : undefined
    const name = topic?.name ?? target
    if (typeof name !== 'string') throw badTarget()
    const illegal = patternIssue(name)
    if (illegal !== undefined) throw issuesError('ILLEGAL_NAME', 'subscribe', [illegal])
    const route: Route = { contract: undefined, policy: fallback, typedExtensions: false }
    return { name, topic, decode: topic?.decode, fallback, raw: true, budget, route: () => route }
  }
  const topic = topicOf(contracts)
  const routes = new Map<string, Route>(
    contracts.map(contract => [
      contract.type,
      {
        contract,
        policy: resolvePolicy(...layers, contract.retry),
        typedExtensions: Object.keys(contract.extensions).length > 0,
      },
    ]),
  )
  return {
    name: topic.name,
    topic,
    decode: topic.decode,
    fallback,
    raw: false,
    budget,
    route: type => routes.get(type),
  }
}

function topicOf(contracts: readonly unknown[]): Topic {
  const issues: Issue[] = []
  const types = new Set<string>()
  let topic: Topic | undefined
  contracts.forEach((contract, i) => {
    const field = `target.${i}`
    if (!isEventContract(contract)) {
      issues.push({
        field,
        problem: 'is not an event contract',
        remedy: "pass values made by event('type', …)",
      })
      return
    }
    topic ??= contract.topic
    if (contract.topic.name !== topic.name) {
      issues.push({
        field,
        problem: `"${contract.type}" is on topic "${contract.topic.name}", the first one on "${topic.name}"`,
        remedy: 'subscribe to each topic by itself',
      })
    }
    if (types.has(contract.type))
      issues.push({ field, problem: `"${contract.type}" is there twice`, remedy: 'name each type once' })
    types.add(contract.type)
  })
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'subscribe', issues)
  if (topic === undefined) throw badTarget()
  return topic
}

const badTarget = () =>
  new BusError('INVALID_OPTIONS', 'subscribe: target: names nothing to subscribe to', {
    field: 'target',
    remedy: 'pass a contract, a list of contracts of one topic, a topic, or a topic name',
  })
