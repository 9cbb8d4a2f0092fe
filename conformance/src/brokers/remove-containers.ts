import type { BrokerName } from './catalogue.ts'
import type { Engine } from './engine.ts'
import { BROKER_LABEL } from './run-container.ts'

/** Removes the containers of these brokers, tests' own instances included, and returns their names. */
export async function removeContainers(engine: Engine, names: readonly BrokerName[]): Promise<string[]> {
  const { dockerode } = engine.container
  const found = await dockerode.listContainers({ all: true, filters: { label: [BROKER_LABEL] } })
  const chosen = found.filter(({ Labels }) =>
    (names as readonly string[]).includes(Labels[BROKER_LABEL] ?? ''),
  )
  await Promise.all(chosen.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })))
  return chosen.map(({ Names, Id }) => Names[0]?.replace(/^\//, '') ?? Id).sort()
}
