import type { Adapter, AdapterContext, ConnectionState } from '../adapter/adapter.ts'
import type { Broker } from '../adapter/broker.ts'
import { BusError, isBusError } from '../errors/bus-error.ts'
import type { Logger } from '../instrumentation/logger.ts'
import { EventBuilder } from '../publishing/event-builder.ts'
import { PublishQueue } from '../publishing/publish-queue.ts'
import { Publisher } from '../publishing/publisher.ts'
import { Requester } from '../requests/requester.ts'
import { systemClock } from '../time/clock.ts'
import { systemRandom } from '../time/random.ts'
import { assertAdapter, loadAdapter } from './adapter-loader.ts'
import type { Bus } from './bus.ts'
import type { BusOptions } from './bus-options.ts'
import { type Demand, requireAll, topicDemands } from './capabilities.ts'
import { ConnectedBus } from './connected-bus.ts'
import { checkBusOptions } from './option-specs.ts'
import { Subscriptions } from './subscriptions.ts'
import { TopicRegistry } from './topic-registry.ts'

/** Silent but for errors, which otherwise nobody would ever see. */
const defaultLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (message, fields) => console.error(`busbar: ${message}`, ...(fields === undefined ? [] : [fields])),
}

/**
 * Connects to a broker.
 * @param target a URL, whose scheme names the adapter (`memory:`, `amqp://…`), or an adapter.
 * @throws BusError INVALID_OPTIONS, ILLEGAL_NAME, ADAPTER_NOT_FOUND or CAPABILITY_UNSUPPORTED before anything connects;
 *   CONNECTION_FAILED, AUTHENTICATION_FAILED, PERMISSION_DENIED, TLS_FAILED, TOPOLOGY_MISSING or TOPOLOGY_INCOMPATIBLE after.
 */
export async function createBus(target: string | Adapter, options: BusOptions = {}): Promise<Bus> {
  checkBusOptions(options)
  const adapter =
    typeof target === 'string'
      ? await loadAdapter(target, options.adapters ?? {})
      : assertAdapter(target, 'url')
  const demands = demandsOf(options)
  requireAll(adapter.name, adapter.capabilities, demands)

  const { clock = systemClock, random = systemRandom } = options
  const logger = guarded(options.logger ?? defaultLogger)
  const report = reporter(options, logger)
  const guard = <T>(where: string, run: () => T): T | undefined => {
    try {
      return run()
    } catch (cause) {
      report(new BusError('INTERNAL', `${where} threw`, { cause, remedy: 'hooks must not throw' }), where)
      return undefined
    }
  }
  const connection: { state: ConnectionState } = { state: 'live' }
  let queue: PublishQueue | undefined
  let requester: Requester | undefined
  const context: AdapterContext = {
    clock,
    random,
    logger,
    prefix: options.prefix ?? '',
    clientName: options.clientName ?? 'busbar',
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    onError: (error, where) => report(asBusError(error), where),
    onState(state, cause) {
      const before = connection.state
      connection.state = state
      if (state === before) return
      if (state === 'live') queue?.kick()
      else requester?.disconnected()
      if (state === 'reconnecting') logger.warn(`connection to ${adapter.name} lost, reconnecting`)
      if (state === 'failed') report(asBusError(cause), 'connection')
    },
  }
  const broker = await connect(adapter, context)
  try {
    requireAll(adapter.name, broker.capabilities, demands)
    const topics = new TopicRegistry(adapter.name, broker, options.topology ?? 'declare')
    const {
      maxInFlight = 8_192,
      maxInFlightBytes = 64 * 1024 * 1024,
      maxWaiting = 100_000,
      timeout = 30_000,
    } = options.publishing ?? {}
    const builder = new EventBuilder(options.source ?? '/', clock, random)
    const { instrumentation } = options
    queue = new PublishQueue(broker, { maxInFlight, maxInFlightBytes, maxWaiting, clock, random })
    requester = new Requester({ broker, queue, builder, clock, instrumentation, guard })
    const publisher = new Publisher({
      adapter: adapter.name,
      broker,
      queue,
      topics,
      builder,
      clock,
      timeout,
      instrumentation,
      guard,
      middleware: options.middleware?.publish ?? [],
    })
    const subscriptions = new Subscriptions({
      adapter: adapter.name,
      broker,
      topics,
      clock,
      random,
      instrumentation,
      guard,
      retry: options.retry,
      middleware: options.middleware?.handle ?? [],
      onError: report,
    })
    for (const topic of options.topics ?? []) await topics.ensure(topics.register(topic))
    return new ConnectedBus({
      adapter: adapter.name,
      broker,
      clock,
      topics,
      queue,
      publisher,
      subscriptions,
      requester,
      builder,
      connection,
      publishTimeout: timeout,
      onError: report,
    }) as Bus
  } catch (error) {
    await broker.close({ signal: AbortSignal.abort() }).catch(() => {})
    throw error
  }
}

async function connect(adapter: Adapter, context: AdapterContext): Promise<Broker> {
  try {
    return await adapter.connect(context)
  } catch (cause) {
    if (isBusError(cause)) throw cause
    throw new BusError('CONNECTION_FAILED', `the ${adapter.name} adapter could not connect`, {
      cause,
      retryable: true,
      remedy: 'see the cause; check the URL, and whether the broker is up',
    })
  }
}

/** What the options cannot do without. */
const demandsOf = (options: BusOptions): readonly Demand[] => [
  ...(options.requires ?? []).map((id, i) => ({ id, field: `requires.${i}` })),
  ...(options.topics ?? []).flatMap((topic, i) => topicDemands(topic, `topics.${i}`)),
  ...(options.mode === undefined ? [] : [{ id: `events.${options.mode}` as const, field: 'mode' }]),
  ...(options.topology === 'verify' ? [{ id: 'topology.verify' as const, field: 'topology' }] : []),
]

/** A logger that throws must not take with it what it was told about. */
const guarded = (logger: Logger): Logger => {
  const guard =
    (level: keyof Logger): Logger['debug'] =>
    (message, fields) => {
      try {
        logger[level](message, fields)
      } catch {
        // There is nowhere left to say so.
      }
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

/** The one way out for errors that nobody waits for. It must not fail itself. */
function reporter(options: BusOptions, logger: Logger): (error: BusError, where: string) => void {
  return (error, where) => {
    try {
      if (options.onError !== undefined) options.onError(error, where)
      else
        logger.error(`${where}: ${error.message}`, {
          code: error.code,
          ...(error.cause === undefined ? {} : { cause: error.cause }),
        })
    } catch (cause) {
      logger.error('onError itself threw', { cause })
    }
  }
}

const asBusError = (error: unknown): BusError =>
  isBusError(error)
    ? error
    : new BusError('INTERNAL', error instanceof Error ? error.message : 'unknown error', { cause: error })
