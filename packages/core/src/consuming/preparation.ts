import type { Envelope } from '../adapter/envelope.ts'
import { decodeData } from '../cloudevents/decode.ts'
import { readExtensions, validate } from '../contracts/index.ts'
import { BusError, isBusError, issuesError } from '../errors/bus-error.ts'
import { expiryOf } from '../publishing/expiry.ts'
import { type DeadLetterReason, decide, type ResolvedPolicy } from '../retry/index.ts'
import type { Clock } from '../time/clock.ts'
import type { Random } from '../time/random.ts'
import { adopt } from './adopt.ts'
import type { DispatchTable, Route } from './dispatch-table.ts'
import { firstFailureAt } from './failure-metadata.ts'
import type { Held } from './held.ts'
import { PreparedDelivery } from './prepared-delivery.ts'
import { DROPPED, EXPIRED, IGNORED, NOTHING, UNHANDLED, type Verdict } from './verdict.ts'

export interface PreparationOptions {
  readonly table: DispatchTable
  readonly group: string | undefined
  readonly unhandled: 'ack' | 'dead-letter' | 'retry'
  readonly clock: Clock
  readonly random: Random
  readonly onError: (error: BusError, where: string) => void
}

const NO_EXTENSIONS = Object.freeze({ values: Object.freeze({}) })

const crashed = () =>
  new BusError(
    'HANDLER_CRASHED',
    'the process handling this event ended, and no other event was in its hands',
    {
      remedy: 'see what the handler does with this event: memory, native code, process.exit',
    },
  )

/**
 * From a delivery to something a handler can be given, or to a verdict without one: undecodable, expired, of a type nobody
 * handles, against its schema. And from what a handler threw to a verdict.
 */
export class Preparation {
  readonly #o: PreparationOptions

  constructor(options: PreparationOptions) {
    this.#o = options
  }

  /** The attempt check, before anything of the delivery runs. */
  inspect(held: Held): 'run' | 'suspect' | Verdict {
    const { delivery } = held
    if (this.#o.group === undefined) return 'run'
    const { attempts } = this.#policyOf(delivery.envelope)
    if (delivery.marks > 0) return { kind: 'dead', reason: 'crashed', error: crashed() }
    if (delivery.failures >= attempts) return { kind: 'dead', reason: 'attempts-exhausted', error: undefined }
    return delivery.redeliveries > 0 && delivery.failures + delivery.redeliveries >= attempts
      ? 'suspect'
      : 'run'
  }

  /** Never throws; the promise, if a validator needs one, never rejects. */
  prepare(held: Held): PreparedDelivery | Verdict | Promise<PreparedDelivery | Verdict> {
    const { delivery } = held
    let envelope: Envelope
    let data: unknown
    try {
      envelope = delivery.envelope ?? this.#adopt(held)
      const expiry = expiryOf(envelope.attributes)
      if (expiry !== undefined && expiry <= this.#o.clock.now()) return EXPIRED
      const route = this.#o.table.route(envelope.attributes.type ?? '')
      if (route === undefined) return this.#unhandled(held, envelope)
      data = decodeData(envelope)
      const extensions = this.#extensions(envelope, route)
      if (!('values' in extensions)) return extensions
      if (route.contract?.data === undefined)
        return new PreparedDelivery(held, envelope, data, extensions.values, this.#o.group)
      return this.#validated(held, envelope, route, data, extensions.values)
    } catch (error) {
      return this.dead('undecodable', error)
    }
  }

  /** What becomes of a delivery whose handler threw `error`. */
  failed(held: Held, error: unknown, policy = this.#policyOf(held.delivery.envelope)): Verdict {
    // It was told to stop, and did: that says nothing about the event.
    if (held.aborted) return NOTHING
    if (held.suspect && !isBusError(error, 'REJECTED'))
      return { kind: 'dead', reason: 'attempts-exhausted', error }
    const verdict = decide(policy, error, {
      attempt: held.attempt,
      firstFailureAt: firstFailureAt(held.delivery.envelope),
      now: this.#o.clock.now(),
      random: this.#o.random,
      budget: this.#o.table.budget,
      onError: cause =>
        this.#o.onError(
          new BusError('INTERNAL', 'a predicate of the retry policy threw; it counts as no match', { cause }),
          'retry policy',
        ),
    })
    if (verdict.kind === 'ignore') return IGNORED
    if (verdict.kind === 'retry') {
      return {
        kind: 'retry',
        delay: verdict.delay,
        error,
        metaRequired: policy.maxElapsed !== Number.POSITIVE_INFINITY,
      }
    }
    if (this.#o.group !== undefined) return { kind: 'dead', reason: verdict.reason, error }
    this.#o.onError(
      new BusError(
        'ATTEMPTS_EXHAUSTED',
        `an event of the broadcast subscription "${this.#o.table.name}" is dropped after ${held.attempt} attempts`,
        {
          cause: error,
          remedy: 'subscribe with a group if such events must be kept',
        },
      ),
      'broadcast',
    )
    return DROPPED
  }

  #policyOf(envelope: Envelope | null): ResolvedPolicy {
    const type = envelope?.attributes.type
    return (type === undefined ? undefined : this.#o.table.route(type)?.policy) ?? this.#o.table.fallback
  }

  /** An event made of a message that is not one, by the topic's own hook. */
  #adopt(held: Held): Envelope {
    const { raw, decodeError } = held.delivery
    const decode = this.#o.table.decode
    if (decode === undefined || raw === undefined) {
      throw isBusError(decodeError)
        ? decodeError
        : new BusError('DECODE_FAILED', 'the message is not a CloudEvent', {
            cause: decodeError,
            remedy: 'give the topic a decode hook if such messages are expected',
          })
    }
    return adopt(raw, decode)
  }

  #unhandled(held: Held, envelope: Envelope): Verdict {
    const type = envelope.attributes.type ?? ''
    const error = new BusError('UNHANDLED_TYPE', `no handler of this subscription names the type "${type}"`, {
      field: 'type',
      remedy: 'add its contract to the subscription, or set unhandled to what should become of it',
    })
    if (this.#o.unhandled === 'ack' || this.#o.group === undefined) return UNHANDLED
    return this.#o.unhandled === 'dead-letter'
      ? { kind: 'dead', reason: 'unhandled-type', error }
      : this.failed(held, error, this.#o.table.fallback)
  }

  #extensions(
    envelope: Envelope,
    { contract, typedExtensions }: Route,
  ): { readonly values: Readonly<Record<string, unknown>> } | Verdict {
    if (contract === undefined || !typedExtensions) return NO_EXTENSIONS
    const read = readExtensions(contract.extensions, envelope.attributes)
    return read.ok ? { values: read.value } : this.#violation(envelope, read.issues)
  }

  #validated(
    held: Held,
    envelope: Envelope,
    route: Route,
    data: unknown,
    extensions: Readonly<Record<string, unknown>>,
  ): PreparedDelivery | Verdict | Promise<PreparedDelivery | Verdict> {
    const { contract, policy } = route
    const done = (result: Awaited<ReturnType<typeof validate>>): PreparedDelivery | Verdict =>
      result.ok
        ? new PreparedDelivery(held, envelope, result.value, extensions, this.#o.group)
        : this.#violation(envelope, result.issues)
    try {
      // biome-ignore lint/style/noNonNullAssertion: only called for contracts with a schema.
      const result = validate(contract!.data!, data)
      // That a validator failed says nothing about the event: it is retried like a handler that failed.
      return result instanceof Promise
        ? result.then(done, error => this.failed(held, error, policy))
        : done(result)
    } catch (error) {
      return this.failed(held, error, policy)
    }
  }

  #violation(envelope: Envelope, issues: Parameters<typeof issuesError>[2]): Verdict {
    const error = issuesError(
      'SCHEMA_VIOLATION',
      `data of "${envelope.attributes.type}" breaks its schema`,
      issues,
    )
    return this.dead('schema-violation', error)
  }

  /** Into the dead-letter queue; a broadcast subscription has none, and drops. */
  dead(reason: DeadLetterReason, error: unknown): Verdict {
    if (this.#o.group !== undefined) return { kind: 'dead', reason, error }
    const { name } = this.#o.table
    this.#o.onError(
      isBusError(error)
        ? error
        : new BusError('REJECTED', `an event of the broadcast subscription "${name}" is dropped: ${reason}`, {
            cause: error,
          }),
      'broadcast',
    )
    return DROPPED
  }
}
