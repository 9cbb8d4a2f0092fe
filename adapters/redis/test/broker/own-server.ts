import { Redis } from 'ioredis'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'

export interface OwnServer {
  readonly broker: StartedBroker
  readonly host: string
  readonly port: number
  /** A plain client with all rights. */
  readonly admin: Redis
  remove(): Promise<void>
}

/** A server that a test may configure as it likes: never the one that `BUSBAR_REDIS_URL` names. */
export async function ownServer(instance: string, ...extraArguments: string[]): Promise<OwnServer> {
  const { BUSBAR_REDIS_URL: _shared, ...environment } = process.env
  const broker = await startBroker('redis', {
    instance: `${instance}-${process.pid}`,
    extraArguments,
    environment,
  })
  const { hostname: host, port } = new URL(broker.url)
  const admin = new Redis({ host, port: Number(port), protocol: 2 })
  admin.on('error', () => {})
  return {
    broker,
    host,
    port: Number(port),
    admin,
    async remove() {
      admin.disconnect()
      await broker.remove()
    },
  }
}
