import type { CloudEventInput } from '../cloudevents/event.ts'
import { currentHandling } from '../consuming/handling-context.ts'
import type { Clock } from '../time/clock.ts'
import { IsoTime } from '../time/iso-time.ts'
import { type Random, systemRandom } from '../time/random.ts'
import { randomUuid } from '../time/random-uuid.ts'
import type { EventAttributes } from './publish.ts'

/** What a contract says of the events built from it. */
export interface EventTemplate {
  readonly type: string
  readonly source: string | undefined
  readonly dataschema: string | undefined
  readonly datacontenttype: string | undefined
}

/** Builds events from contracts: the only ones core adds attributes to. */
export class EventBuilder {
  readonly #source: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #time = new IsoTime()

  constructor(source: string, clock: Clock, random: Random) {
    this.#source = source
    this.#clock = clock
    this.#random = random
  }

  build(
    template: EventTemplate,
    data: unknown,
    key: string | undefined,
    attributes: EventAttributes | undefined,
  ): CloudEventInput {
    const event: CloudEventInput = {
      specversion: '1.0',
      id: this.newId(),
      source: template.source ?? this.#source,
      type: template.type,
      time: this.#time.text(this.#clock.now()),
    }
    if (data !== undefined) {
      event.datacontenttype = template.datacontenttype ?? 'application/json'
      event.data = data
    }
    if (template.dataschema !== undefined) event.dataschema = template.dataschema
    if (key !== undefined && key !== '') event.partitionkey = key
    const handling = currentHandling()
    if (handling !== undefined) inherit(event, handling.attributes)
    if (attributes !== undefined) adorn(event, attributes)
    return event
  }

  /** From the injected source when there is one, so that simulations repeat. */
  newId(): string {
    if (this.#random === systemRandom) return randomUuid()
    const hex = () =>
      Math.floor(this.#random.next() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0')
    const [a, b, c, d] = [hex(), hex(), hex(), hex()]
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${d}`
  }
}

/** Gives `event` what its publisher says of it; an attribute left undefined keeps its default, so that options can be passed through. */
export function adorn(event: CloudEventInput, attributes: EventAttributes): void {
  for (const name of Object.keys(attributes)) {
    if (attributes[name] !== undefined) event[name] = attributes[name]
  }
}

/** Gives `event` correlation, causation and trace of the one it is published for. */
export function inherit(event: CloudEventInput, cause: Readonly<Record<string, string>>): void {
  event.correlationid = cause.correlationid ?? cause.id
  event.causationid = cause.id
  if (cause.traceparent !== undefined) event.traceparent = cause.traceparent
  if (cause.tracestate !== undefined) event.tracestate = cause.tracestate
}
