import { readdir } from 'node:fs/promises'
import { announcedSteps } from './announced-steps.ts'
import type { Engine } from './engine.ts'
import { followProgress } from './engine-progress.ts'
import { BrokerSetupError } from './setup-error.ts'

/** Settings of this machine's package managers and proxies that a build has to share, where they are set. */
const PASSED_ON = ['GOPROXY', 'GOSUMDB', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const
const LINES_SHOWN_ON_FAILURE = 30

/**
 * Builds the Dockerfile in `directory`; layers that have not changed come from the engine's cache.
 * @throws BrokerSetupError with the end of the build's output when it fails.
 */
export async function buildImage(
  engine: Engine,
  directory: string,
  image: string,
  labels: Readonly<Record<string, string>>,
  report: (line: string) => void,
): Promise<void> {
  const files = await readdir(directory)
  const progress = await engine.container.dockerode.buildImage(
    { context: directory, src: files },
    {
      t: image,
      labels: { ...labels },
      buildargs: settingsOf(process.env),
      // The network of the host: its name servers and proxies may be reachable from nowhere else.
      networkmode: 'host',
      rm: true,
    },
  )
  const output: string[] = []
  const showStep = announcedSteps(step => report(`  ${image}  ${step}`))
  try {
    await followProgress(progress, event => {
      output.push(event.stream ?? event.error ?? '')
      showStep(event)
    })
  } catch (error) {
    const end = output.join('').split('\n').slice(-LINES_SHOWN_ON_FAILURE).join('\n')
    throw new BrokerSetupError(`${image} could not be built from ${directory}:\n${end}`, { cause: error })
  }
}

/** Both spellings of the proxy variables are in use. */
export function settingsOf(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const settings: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = environment[name] ?? environment[name.toLowerCase()]
    if (value !== undefined && value !== '') settings[name] = value
  }
  return settings
}
