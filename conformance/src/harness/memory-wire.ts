import type {
  Adapter,
  AdapterContext,
  DeadItem,
  Delivery,
  Envelope,
  ForeignHeader,
  RawMessage,
} from '@busbar/core/adapter'
import { rabbitmqBinding } from '@busbar/core/cloudevents'
import { type Clock, systemRandom } from '@busbar/core/time'
import type { RawClient, RawWireMessage } from '../model/raw-client.ts'
import { alterDeadItems, alterPublish } from '../wrap/broker.ts'
import { overlay } from '../wrap/overlay.ts'
import { alterDeliveries } from '../wrap/subscription.ts'

/** Marks a message that is no CloudEvent on its way through a broker that stores nothing else; holds its content type. */
const FOREIGN = 'x-conformance-foreign'

/**
 * A wire for the embedded broker, which passes envelopes around and has none: what leaves is written, and what a raw
 * client sends is read, by the codec that adapters for AMQP use. So that the cases about other systems' messages prove
 * what core does with them, here too.
 */
export interface MemoryWire {
  /** The adapter, as one that reads and writes this wire. */
  attach(adapter: Adapter): Adapter
  raw(prefix: string): RawClient
}

interface Listener {
  readonly prefix: string
  readonly topic: string
  readonly hear: (message: RawWireMessage) => void
}

export function memoryWire(plain: () => Adapter, clock: Clock): MemoryWire {
  const listeners = new Set<Listener>()

  function attach(adapter: Adapter): Adapter {
    const writing = alterPublish(adapter, (publish, { prefix, mode }) => batch => {
      for (const { to, envelope } of batch) {
        if (to.kind !== 'topic' || listeners.size === 0) continue
        const message = written(envelope, mode)
        for (const listener of listeners) {
          if (listener.prefix === prefix && listener.topic === to.topic) listener.hear(message)
        }
      }
      return publish(batch)
    })
    return alterDeadItems(alterDeliveries(writing, asForeign), items =>
      items.map(item => overlay(item, foreignDeadLetter(item))),
    )
  }

  return {
    attach,
    raw: prefix => ({
      async send(topic, message) {
        const broker = await plain().connect(contextOf(prefix, clock))
        await broker.publish([{ to: { kind: 'topic', topic, partition: 0 }, envelope: read(message) }])
        await broker.close({ signal: new AbortController().signal })
      },
      async listen(topic) {
        const { promise: first, resolve } = Promise.withResolvers<RawWireMessage>()
        const listener: Listener = {
          prefix,
          topic,
          hear(message) {
            listeners.delete(listener)
            resolve(message)
          },
        }
        listeners.add(listener)
        return { first }
      },
    }),
  }
}

function written(envelope: Envelope, mode: AdapterContext['mode']): RawWireMessage {
  const { headers, contentType, body } = rabbitmqBinding.write(envelope, mode ?? 'binary')
  return {
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    ...(contentType === undefined ? {} : { contentType }),
    body,
  }
}

/** @throws BusError when the message is no CloudEvent. */
function decoded(
  headers: ForeignHeader[],
  contentType: string | undefined,
  body: Uint8Array | null,
): Envelope {
  const envelope = rabbitmqBinding.read({ headers, contentType, body })
  return envelope
}

function read({ headers, contentType, body }: RawWireMessage): Envelope {
  const pairs = Object.entries(headers)
  try {
    return decoded(pairs, contentType, body)
  } catch {
    return { attributes: {}, meta: {}, headers: [...pairs, [FOREIGN, contentType ?? '']], body }
  }
}

/** The raw message behind an envelope that was only there to carry it. */
function foreign(envelope: Envelope | null): RawMessage | undefined {
  const mark = envelope?.headers.find(([name]) => name === FOREIGN)
  if (envelope === null || mark === undefined) return undefined
  const headers = envelope.headers.filter(header => header !== mark)
  const contentType = String(mark[1])
  return { headers, body: envelope.body, ...(contentType === '' ? {} : { contentType }) }
}

function asForeign(delivery: Delivery): Partial<Delivery> {
  const raw = foreign(delivery.envelope)
  if (raw === undefined) return {}
  try {
    decoded([...raw.headers], raw.contentType, raw.body)
    return {}
  } catch (decodeError) {
    return { envelope: null, raw, decodeError }
  }
}

function foreignDeadLetter(item: DeadItem): Partial<DeadItem> {
  const raw = foreign(item.envelope)
  return raw === undefined ? {} : { envelope: null, raw }
}

function contextOf(prefix: string, clock: Clock): AdapterContext {
  return {
    clock,
    random: systemRandom,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    prefix,
    clientName: 'raw',
    onError() {},
    onState() {},
  }
}
