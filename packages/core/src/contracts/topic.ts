import type { RawMessage } from '../adapter/envelope.ts'
import type { Retention } from '../adapter/topology.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import { checkTopicName } from '../names/legal-name.ts'
import { boolean, checkOptions, fn, milliseconds, number, object, string } from '../options/index.ts'
import { branded, hasBrand } from './brand.ts'

export interface TopicOptions {
  /** Events of one key are handled one at a time, in publish order. Every publish then needs a key. Default false. */
  readonly ordered?: boolean
  /**
   * Units of parallelism. On an ordered topic the keys are spread over them, and changing the number later moves
   * keys. 1 to 10,000. Default 1.
   */
  readonly partitions?: number
  /** How long events are kept for groups and for replay. Default: the broker's own. */
  readonly retention?: Retention
  /** An existing exchange, subject, stream, queue or Kafka topic to use instead of a name of Busbar's. */
  readonly address?: string
  /**
   * Makes an event of a message that is not a CloudEvent, so that a topic in use can be adopted. Called for those
   * messages only. When it throws, the message is dead-lettered as undecodable, with its bytes.
   */
  readonly decode?: (raw: RawMessage) => CloudEventInput
}

/** A named channel, shared by those who publish and subscribe. Made by {@link topic}. */
export interface Topic<Name extends string = string> {
  readonly name: Name
  readonly ordered: boolean
  readonly partitions: number
  readonly retention?: Retention
  readonly address?: string
  readonly decode?: (raw: RawMessage) => CloudEventInput
}

const topicSpec = object({
  ordered: boolean(),
  partitions: number({ min: 1, max: 10_000, integer: true }),
  retention: object({
    age: milliseconds({ min: 1 }),
    bytes: number({ min: 1, integer: true, unit: 'bytes' }),
    count: number({ min: 1, integer: true }),
  }),
  address: string(),
  decode: fn(),
})

/**
 * Declares a topic.
 * @param name segments of letters, digits and `-`, joined by dots, 120 characters at most.
 * @throws BusError ILLEGAL_NAME or INVALID_OPTIONS.
 */
export function topic<const Name extends string>(name: Name, options: TopicOptions = {}): Topic<Name> {
  checkTopicName(name)
  checkOptions(`topic '${name}'`, options, topicSpec)
  const { ordered = false, partitions = 1, retention, address, decode } = options
  return branded('topic', {
    name,
    ordered,
    partitions,
    ...(retention === undefined ? {} : { retention: Object.freeze({ ...retention }) }),
    ...(address === undefined ? {} : { address }),
    ...(decode === undefined ? {} : { decode }),
  })
}

export const isTopic = (value: unknown): value is Topic => hasBrand(value, 'topic')

/** A bare name is an unordered topic with defaults. @throws BusError ILLEGAL_NAME */
export const toTopic = (value: Topic | string): Topic => (typeof value === 'string' ? topic(value) : value)
