import type { Adapter } from '../adapter/adapter.ts'
import type { CapabilityId } from '../adapter/capabilities.ts'
import type { TopologyMode } from '../adapter/topology.ts'
import type { Topic } from '../contracts/index.ts'
import type { BusError } from '../errors/bus-error.ts'
import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import type { Logger } from '../instrumentation/logger.ts'
import type { HandleMiddleware, PublishMiddleware } from '../instrumentation/middleware.ts'
import type { RetryPolicyInput } from '../retry/index.ts'
import type { Clock } from '../time/clock.ts'
import type { Random } from '../time/random.ts'

/** Options of {@link createBus}. */
export interface BusOptions {
  /** The `source` of events built from contracts. Default `/`; name your service. */
  readonly source?: string
  /** Separates tenants and environments on one broker. At most 40 characters; default none. */
  readonly prefix?: string
  /** How this process is named to the broker. Default `busbar`. */
  readonly clientName?: string
  /** Capabilities this service cannot do without: checked, all at once, before anything connects. */
  readonly requires?: readonly CapabilityId[]
  /** Topics to provision at start. Others are provisioned at their first use. */
  readonly topics?: readonly Topic[]
  /** Default `declare`. */
  readonly topology?: TopologyMode
  /** The retry policy of every group, unless the group or the contract says otherwise. */
  readonly retry?: RetryPolicyInput
  readonly publishing?: {
    /** Publishes on their way; further ones wait. Default 8,192. */
    readonly maxInFlight?: number
    /** Bytes on their way; further ones wait. Default 64 MiB. */
    readonly maxInFlightBytes?: number
    /** Publishes that may wait; further ones are refused with `PUBLISH_OVERFLOW`. Default 100,000. */
    readonly maxWaiting?: number
    /** Milliseconds until an unconfirmed publish rejects. Default 30,000. */
    readonly timeout?: number
  }
  /** Content mode on the wire. Default: binary where the broker has a CloudEvents binding, structured elsewhere. */
  readonly mode?: 'binary' | 'structured'
  readonly middleware?: {
    readonly publish?: readonly PublishMiddleware[]
    readonly handle?: readonly HandleMiddleware[]
  }
  readonly instrumentation?: Instrumentation
  readonly logger?: Logger
  /** Errors that nobody waits for. Default: the logger's `error`. */
  readonly onError?: (error: BusError, where: string) => void
  /** More adapters by URL scheme, beside the built-in ones: `{ 'acme': url => acme(url) }`. */
  readonly adapters?: Readonly<Record<string, (url: string) => Adapter | Promise<Adapter>>>
  readonly clock?: Clock
  readonly random?: Random
}
