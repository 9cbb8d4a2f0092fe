import type { BusError } from '@busbar/core/adapter'

/** Faults that a test orders on one broker: `broker.faults`. Client names are the buses' `clientName`. */
export interface FaultInjector {
  /**
   * Drops connections, of one client or of all, and refuses new ones until {@link heal}. Publishes on their way
   * become unknown, deliveries are lost and counted as redeliveries.
   */
  cut(clientName?: string): void
  /** Accepts connections again; clients restore their subscriptions by themselves. */
  heal(clientName?: string): void
  /**
   * Ends a client as SIGKILL would: its connection disappears, its promises never settle, its handlers hear nothing.
   * What it had goes back to the groups, counted.
   */
  crash(clientName: string): void
  /** All connections drop and come back after `downtime` milliseconds (default 0). Only requests and replies are lost. */
  restart(downtime?: number): void
  /** Every call takes so many milliseconds from now on; 0 ends it. */
  slow(milliseconds: number): void
  /** Publishes are neither stored nor answered until {@link resume}. */
  hangPublishes(): void
  resume(): void
  /** The next `messages` (default 1) are stored, and their confirmations lost: the result is `unknown`. */
  failNextConfirm(messages?: number): void
  /** The next `messages` (default 1) are refused, with `error` or a retryable `BROKER_REJECTED`. */
  refuseNextPublish(messages?: number, error?: BusError): void
  /**
   * The next `settlements` (default 1) fail, retryable. `refused` (default): nothing happened. `unanswered`: the broker
   * settled, and the answer was lost.
   */
  failNextSettle(settlements?: number, mode?: 'refused' | 'unanswered'): void
  /** The next `writes` (default 1) of dead letters fail, retryable; the originals stay. */
  failDeadLetterWrites(writes?: number): void
}
