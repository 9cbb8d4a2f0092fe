import type { Logger } from '../instrumentation/logger.ts'
import type { Clock } from '../time/clock.ts'
import type { Random } from '../time/random.ts'
import type { Broker } from './broker.ts'
import type { Capabilities } from './capabilities.ts'

/** What core gives an adapter when it connects. Nothing else in the process's surroundings may be relied on. */
export interface AdapterContext {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Separates tenants and environments on one broker; pass it to `physicalName`. Empty when unset. */
  readonly prefix: string
  /** The content mode the bus asks for; absent: the adapter's own default. */
  readonly mode?: 'binary' | 'structured'
  /** Names this process to the broker (client name, connection name). */
  readonly clientName: string
  /** Reports an error nobody is waiting for. Never throws. */
  onError(error: unknown, where: string): void
  /** The connection's state. Called on every change, `live` first. */
  onState(state: ConnectionState, cause?: unknown): void
}

export type ConnectionState = 'live' | 'reconnecting' | 'failed' | 'closed'

/** An adapter, configured and not yet connected. What a driver package exports a factory for. */
export interface Adapter {
  /** Short and stable: `memory`, `rabbitmq`, … */
  readonly name: string
  /**
   * What this configuration can do at most, known before connecting, so that unsatisfiable demands fail first.
   * {@link Broker.capabilities} may take some back once the server's version is known.
   */
  readonly capabilities: Capabilities
  /**
   * Connects. Bounded in time.
   * @throws BusError CONNECTION_FAILED, AUTHENTICATION_FAILED, PERMISSION_DENIED or TLS_FAILED.
   */
  connect(context: AdapterContext): Promise<Broker>
}
