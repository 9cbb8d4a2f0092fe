/** Faults a harness may be able to inject. Designed for real brokers; the embedded one has them all. */
export type FaultId =
  | 'cut'
  | 'heal'
  | 'restart-broker'
  | 'kill-channel'
  | 'crash'
  | 'lose-confirm'
  | 'refuse-publish'
  | 'fail-settlement'
  | 'fail-dead-letter'
  | 'stall'
  | 'worker'

/**
 * How a harness harms. `client` is the name a case gave its bus (`t.bus({ client })`), so that one client can suffer
 * while the others watch. Each resolves when the harm is done. Calling one that the harness lacks rejects; cases
 * name what they need in `faults`, and the runner reports them as not proven without it.
 */
export interface Faults {
  readonly available: ReadonlySet<FaultId>
  /**
   * Those that hurt nobody but the client they name: a case that needs no others runs beside other cases. One that needs any
   * other harms the broker they share, and runs alone. Default: none.
   */
  readonly contained?: ReadonlySet<FaultId>
  /** Breaks the link of one client, or of all, until `heal`. */
  cut(client?: string): Promise<void>
  heal(client?: string): Promise<void>
  /** Stops the broker and starts it again: durable state survives, links do not. */
  restartBroker(): Promise<void>
  /** Ends one channel or subscription session from the broker's side; the connection stays. */
  killChannel(client: string): Promise<void>
  /** Ends a client as SIGKILL would: no goodbye, nothing flushed. Its bus is dead after it. */
  crash(client: string): Promise<void>
  /** The next `count` publishes are stored and their confirmation is lost. */
  loseConfirms(client: string, count: number): Promise<void>
  /** The next `count` publishes are refused for now, and surely not stored. */
  refusePublishes(client: string, count: number): Promise<void>
  /** The next `count` settlements fail; the message stays where it was. */
  failSettlements(client: string, count: number): Promise<void>
  /** The next `count` writes to a dead-letter queue fail. */
  failDeadLetters(count: number): Promise<void>
  /** The broker stops answering this client until `heal`; the link looks alive. */
  stall(client: string): Promise<void>
  /** Starts a consumer in a process of its own, to be killed. For real brokers. */
  worker(options: WorkerOptions): Promise<Worker>
}

export interface WorkerOptions {
  /** Module whose default export is `(bus, report) => Promise<void>`. */
  readonly module: string
  readonly environment?: Readonly<Record<string, string>>
}

/** A consumer process. */
export interface Worker {
  readonly pid: number
  /** Lines the worker reported so far. */
  readonly reports: readonly unknown[]
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM. Resolves with the exit code. */
  stop(): Promise<number | null>
}
