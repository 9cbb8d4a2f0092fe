/** What both sides send, with the attributes of an event: 250 bytes of JSON, which each side writes for every message and reads again. */
export const DATA = { id: 'order-4711', note: 'x'.repeat(219) }

export const body = (): string => JSON.stringify(DATA)

export const ATTRIBUTES = {
  id: 'f2b1a7a0-5c3e-4d8b-9a75-0d3f6c1b2e4d',
  source: '/bench',
  type: 'com.example.bench',
  specversion: '1.0',
  time: '2026-01-01T12:00:00.123Z',
} as const

/** One way to do the work: Busbar's adapter, or the raw driver by its best recipe. */
export interface Peer {
  readonly name: string
  /** Makes the destination, with one durable reader that is not connected. */
  open(destination: string): Promise<Connection>
}

export interface Connection {
  /** Resolves when the broker has confirmed the message. */
  publish(): Promise<unknown>
  /** Reads and acknowledges `count` messages that are there. */
  consume(count: number): Promise<void>
  /** Starts answering; then `ask` gets one answer. */
  respond(): Promise<void>
  ask(): Promise<unknown>
  close(): Promise<void>
}

/** The names of the raw sides. */
export const RAW_DRIVERS = ['amqplib', 'nats.js', 'ioredis'] as const
