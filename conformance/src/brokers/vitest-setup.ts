import { startBroker } from './start-broker.ts'

/**
 * Before tests that need brokers: the shared containers run, so that no test has to wait for an image. Tests get their URL from
 * `startBroker` again. The containers stay for the next run, as those of `npm run brokers -- up` do.
 */
export default async function setup(): Promise<void> {
  for (const name of ['rabbitmq', 'redis', 'nats'] as const)
    await startBroker(name, { report: line => console.error(line) })
}
