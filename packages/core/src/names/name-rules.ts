/**
 * How the parts of a name are held together. Names of users have no `_` and no `:`, and no empty segment, so that
 * runs of different lengths cannot be mistaken for each other, even by a broker that takes `.` for `_`.
 */
export interface Separators {
  /** Between the segments of one name. */
  readonly dot: string
  /** Between topic, group and kind. */
  readonly field: string
  /** After the prefix. */
  readonly prefix: string
  /** Before the kind of what belongs to no topic. */
  readonly shared: string
}

const UNDERSCORES: Separators = { dot: '_', field: '__', prefix: '___', shared: '_____' }
const DOTS_AND_UNDERSCORES: Separators = { ...UNDERSCORES, dot: '.' }
/** Each mark a token of its own, so that a subject's wildcards still see whole segments. */
const SUBJECT_TOKENS: Separators = { dot: '.', field: '._.', prefix: '.__.', shared: '._____.' }
const COLONS: Separators = { dot: '.', field: ':', prefix: '::', shared: ':::' }

/** What one kind of thing on one broker may be called. */
export interface NameRules {
  readonly separators: Separators
  /** Characters, all of them one byte, `suffix` included. */
  readonly maxLength: number
  /** What the whole name must look like. */
  readonly legal: RegExp
  /** What it must not look like. */
  readonly reserved?: RegExp
  readonly caseSensitive: boolean
  /** Ends every name. */
  readonly suffix: string
  /** Puts prefix and topic in braces, so that all keys of one topic share a slot of a Redis cluster. */
  readonly hashTag?: boolean
}

const PLAIN = { caseSensitive: true, suffix: '' } as const

export const NAME_RULES = {
  memory: { ...PLAIN, separators: DOTS_AND_UNDERSCORES, maxLength: 1024, legal: /^.+$/ },
  /** Exchanges and queues: short strings of AMQP, and `amq.` is the broker's own. */
  rabbitmq: { ...PLAIN, separators: DOTS_AND_UNDERSCORES, maxLength: 255, legal: /^.+$/, reserved: /^amq\./ },
  /** Streams and durables become directories: a file system that ignores case would mix them up. */
  natsStream: {
    ...PLAIN,
    separators: UNDERSCORES,
    maxLength: 255,
    legal: /^[A-Za-z0-9_-]+$/,
    caseSensitive: false,
  },
  natsSubject: {
    ...PLAIN,
    separators: SUBJECT_TOKENS,
    maxLength: 1024,
    legal: /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/,
  },
  /** Topics, and groups too. Kafka refuses `a.b` beside `a_b`; `.` and `..` cannot arise. */
  kafka: { ...PLAIN, separators: DOTS_AND_UNDERSCORES, maxLength: 249, legal: /^[A-Za-z0-9._-]+$/ },
  redis: { ...PLAIN, separators: COLONS, maxLength: 1024, legal: /^.+$/, hashTag: true },
  sqs: { ...PLAIN, separators: UNDERSCORES, maxLength: 80, legal: /^[A-Za-z0-9_-]+$/ },
  sqsFifo: {
    ...PLAIN,
    separators: UNDERSCORES,
    maxLength: 80,
    legal: /^[A-Za-z0-9_-]+\.fifo$/,
    suffix: '.fifo',
  },
  sns: { ...PLAIN, separators: UNDERSCORES, maxLength: 256, legal: /^[A-Za-z0-9_-]+$/ },
  snsFifo: {
    ...PLAIN,
    separators: UNDERSCORES,
    maxLength: 256,
    legal: /^[A-Za-z0-9_-]+\.fifo$/,
    suffix: '.fifo',
  },
} as const satisfies Record<string, NameRules>
