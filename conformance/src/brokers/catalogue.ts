import { probeHealthPage } from './probes/health-page.ts'
import { probeKafka } from './probes/kafka.ts'
import { probeNats } from './probes/nats.ts'
import type { Probe } from './probes/probe.ts'
import { probeRabbitmq } from './probes/rabbitmq.ts'
import { probeRedis } from './probes/redis.ts'

export const BROKER_NAMES = [
  'rabbitmq',
  'redis',
  'valkey',
  'nats',
  'nats-2.10',
  'kafka',
  'localstack',
  'fauxqs',
] as const

/** A server the suite can run on: a broker, in one of the versions under test. */
export type BrokerName = (typeof BROKER_NAMES)[number]

/** How one server is run in a container, the same for the official image and for its stand-in. */
export interface BrokerRecipe {
  readonly name: BrokerName
  readonly title: string
  /** The adapter whose suite runs on it. */
  readonly adapter: 'rabbitmq' | 'redis' | 'nats' | 'kafka' | 'sqs'
  readonly officialImage: string
  /** The port clients use, inside the container. */
  readonly port: number
  /**
   * The host's port for the shared container: fixed, so that a restart keeps the URL, and below the range from which
   * systems take the ports of outgoing connections.
   */
  readonly hostPort: number
  /** The management or monitoring port where there is one, published one above the range of client ports. */
  readonly admin?: { readonly port: number; readonly hostPort: number }
  readonly url: (host: string, port: number) => string
  /** Arguments that replace the image's own; none keeps them. */
  readonly command?: readonly string[]
  /** Settings; a server that tells its clients where to connect has to know its port on the host. */
  readonly environment?: (host: string, port: number) => Readonly<Record<string, string>>
  readonly probe: Probe
  /** Seconds it gets to close its files before the engine kills it. Default: 20. */
  readonly stopGraceS?: number
  /** For a server whose protocol does not tell its version: what to run in its container, and what to look for. */
  readonly version?: { readonly command: readonly string[]; readonly pattern: RegExp }
}

const NATS = {
  adapter: 'nats',
  port: 4222,
  url: (host: string, port: number) => `nats://${host}:${port}`,
  command: ['-js', '-sd', '/data', '-m', '8222'],
  probe: probeNats,
} as const

const REDIS = {
  adapter: 'redis',
  port: 6379,
  url: (host: string, port: number) => `redis://${host}:${port}`,
  probe: probeRedis,
} as const

/** Everything acknowledged is on disk within a second; the container is reached from outside it, without a password. */
const DURABLE_AND_OPEN = ['--appendonly', 'yes', '--protected-mode', 'no']

const RECIPES: Readonly<Record<BrokerName, Omit<BrokerRecipe, 'name'>>> = {
  rabbitmq: {
    title: 'RabbitMQ',
    adapter: 'rabbitmq',
    officialImage: 'rabbitmq:4',
    port: 5672,
    hostPort: 21672,
    admin: { port: 15672, hostPort: 21673 },
    url: (host, port) => `amqp://guest:guest@${host}:${port}`,
    probe: probeRabbitmq,
  },
  redis: {
    ...REDIS,
    title: 'Redis',
    officialImage: 'redis:8',
    hostPort: 21379,
    command: ['redis-server', ...DURABLE_AND_OPEN],
  },
  valkey: {
    ...REDIS,
    title: 'Valkey',
    officialImage: 'valkey/valkey:8',
    hostPort: 21380,
    command: ['valkey-server', ...DURABLE_AND_OPEN],
  },
  nats: {
    ...NATS,
    title: 'NATS',
    officialImage: 'nats:2.15',
    hostPort: 21422,
    admin: { port: 8222, hostPort: 21822 },
  },
  'nats-2.10': {
    ...NATS,
    title: 'NATS 2.10',
    officialImage: 'nats:2.10',
    hostPort: 21423,
    admin: { port: 8222, hostPort: 21823 },
  },
  kafka: {
    title: 'Apache Kafka',
    adapter: 'kafka',
    officialImage: 'apache/kafka:4.3.1',
    port: 9092,
    hostPort: 21092,
    url: (host, port) => `kafka://${host}:${port}`,
    environment: kafkaSettings,
    probe: probeKafka,
    version: { command: ['ls', '/opt/kafka/libs'], pattern: /kafka_2\.13-([\d.]+)\.jar/ },
  },
  localstack: {
    title: 'LocalStack (SQS and SNS)',
    adapter: 'sqs',
    officialImage: 'localstack/localstack:4.12',
    port: 4566,
    hostPort: 21566,
    url: (host, port) => `http://${host}:${port}`,
    // The URLs of queues are answers of the server, which otherwise names its own port and a host only DNS knows.
    environment: (host, port) => ({
      SERVICES: 'sqs,sns',
      EAGER_SERVICE_LOADING: '1',
      LOCALSTACK_HOST: `${host}:${port}`,
      SQS_ENDPOINT_STRATEGY: 'path',
    }),
    probe: probeHealthPage('/_localstack/health'),
  },
  fauxqs: {
    title: 'fauxqs (SQS and SNS)',
    adapter: 'sqs',
    officialImage: 'kibertoad/fauxqs:2.4.1',
    port: 4566,
    hostPort: 21567,
    url: (host, port) => `http://${host}:${port}`,
    environment: () => ({ FAUXQS_DATA_DIR: '/data', FAUXQS_PERSISTENCE: 'true' }),
    probe: probeHealthPage('/health'),
    // As the first process of a container it ignores SIGTERM; what it keeps is in SQLite and survives a kill.
    stopGraceS: 1,
    version: {
      command: ['sh', '-c', 'cat /opt/fauxqs/node_modules/fauxqs/package.json || cat package.json'],
      pattern: /"version":\s*"([\d.]+)"/,
    },
  },
}

/** One process, broker and controller at once; topics of its own with the only possible number of replicas. */
function kafkaSettings(host: string, port: number): Readonly<Record<string, string>> {
  return {
    CLUSTER_ID: '4L6g3nShT-eMCtK--X86sw',
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${host}:${port}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  }
}

export function recipe(name: BrokerName): BrokerRecipe {
  return { name, ...RECIPES[name] }
}

export function isBrokerName(text: string): text is BrokerName {
  return (BROKER_NAMES as readonly string[]).includes(text)
}
