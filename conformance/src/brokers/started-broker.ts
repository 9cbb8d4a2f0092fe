/** A broker that serves clients, and what a test can do to it. */
export interface StartedBroker {
  /** Stays the same over `restart`, and over `kill` and `start`. */
  readonly url: string
  /** The server's own version, such as 4.0.5; `unknown` if it does not tell. */
  readonly version: string
  /** The image it runs from; undefined for a broker that was already there. */
  readonly image: string | undefined
  /** Where its management or monitoring page is published, if it has one; the plugin may still be off. */
  readonly adminUrl: string | undefined
  /** Where a port of the server is published on the host, the client's and those of `StartOptions.ports`. */
  portOf(inside: number): number
  /**
   * False for a broker named by `BUSBAR_<BROKER>_URL`: it belongs to somebody else, and everything below rejects
   * with `BrokerSetupError`.
   */
  readonly controllable: boolean
  /** Shuts it down in good order and starts it again with its data; resolves once it serves clients. */
  restart(): Promise<void>
  /** Shuts it down in good order; its data stays. */
  stop(): Promise<void>
  /** After `stop` or `kill`; resolves once it serves clients. */
  start(): Promise<void>
  /** SIGKILL: no goodbye to clients, nothing flushed. */
  kill(): Promise<void>
  /** Freezes the process: connections stay open and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Everything it wrote to standard output and standard error. */
  logs(): Promise<string>
  /**
   * Runs a command in the container, such as `['rabbitmqctl', 'close_all_connections', 'test']`, and returns its
   * output. Rejects with `BrokerSetupError` when the command fails.
   */
  exec(command: readonly string[]): Promise<string>
  /** Removes the container with all it holds. */
  remove(): Promise<void>
}
