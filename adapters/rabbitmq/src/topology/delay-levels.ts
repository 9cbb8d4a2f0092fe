/**
 * Delays without a plugin: one queue for each bit of the delay, each with a time to live of that bit's weight. A message passes
 * through the queues of its delay's bits, from the longest to the shortest, and is then due. (A time to live per message would
 * hold short delays up behind long ones, because RabbitMQ looks at a queue's head only.)
 */
export const UNIT = 100
export const LEVELS = 22
/** Milliseconds; about four days and twenty hours. */
export const LONGEST_DELAY = UNIT * (2 ** LEVELS - 1)

/** Stands before the name of what a delayed message is for; no name has such a word, so no two are mistaken for each other. */
const QUEUE_MARK = '__'

export const queueTarget = (queue: string): string => `${QUEUE_MARK}.${queue}`

/** Where a delayed message goes in: the level of its highest bit, with all bits in the routing key. */
export interface Entrance {
  readonly level: number
  readonly routingKey: string
}

/**
 * The way for a delay of `ms`, rounded up, as a delay is never early; undefined when there is nothing to wait for. What exceeds the
 * longest delay waits that long, and has to be parked again.
 */
export function entranceFor(ms: number, target: string): Entrance | undefined {
  if (!(ms > 0)) return undefined
  const units = Math.min(Math.ceil(ms / UNIT), 2 ** LEVELS - 1)
  const bits = units.toString(2).padStart(LEVELS, '0')
  return { level: LEVELS - 1 - bits.indexOf('1'), routingKey: `${bits.split('').join('.')}.${target}` }
}

export const ttlOf = (level: number): number => UNIT * 2 ** level

/** The binding key for what has `bit` at `level`. */
export const bitPattern = (level: number, bit: 0 | 1): string => `${'*.'.repeat(LEVELS - 1 - level)}${bit}.#`
