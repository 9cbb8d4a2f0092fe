import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureBaseImage } from './base-image.ts'
import { buildImage } from './build-image.ts'
import type { BrokerRecipe } from './catalogue.ts'
import { chooseImage, registryOutOfReach } from './choose-image.ts'
import type { Engine } from './engine.ts'
import { followProgress } from './engine-progress.ts'
import { type Environment, variable } from './environment.ts'
import { BrokerSetupError } from './setup-error.ts'

const DOCKERFILES = join(import.meta.dirname, '../../containers')
/** How long a registry may stay silent before it counts as out of reach. */
const PULL_SILENCE_MS = 30_000

/** Why the registry is not asked again: once it is out of reach for one image, it is for all that follow. */
let outOfReach: string | undefined

/**
 * The name of an image this engine has, pulled or built if need be.
 * @throws BrokerSetupError when there is no way to get one.
 */
export async function obtainImage(
  engine: Engine,
  recipe: BrokerRecipe,
  environment: Environment,
  report: (line: string) => void,
): Promise<string> {
  const choice = chooseImage(recipe, environment)
  if (choice.kind === 'override') {
    const failure = await pull(engine, choice.image, report)
    if (failure === undefined) return choice.image
    throw new BrokerSetupError(`${choice.variable}=${choice.image} could not be pulled: ${failure}`)
  }
  const failure = await pull(engine, choice.official, report)
  if (failure === undefined) return choice.official
  try {
    await buildStandIn(engine, recipe, choice.standIn, report)
    return choice.standIn
  } catch (error) {
    throw new BrokerSetupError(
      `${recipe.title}: ${choice.official} could not be pulled: ${failure}\nand no stand-in could be built: ` +
        `${error instanceof Error ? error.message : String(error)}\n` +
        `Name another image with ${variable(recipe.name, 'IMAGE')}, or a broker that is already there with ` +
        `${variable(recipe.name, 'URL')}.`,
      { cause: error },
    )
  }
}

async function buildStandIn(
  engine: Engine,
  recipe: BrokerRecipe,
  image: string,
  report: (line: string) => void,
): Promise<void> {
  const directory = join(DOCKERFILES, recipe.name)
  if (!existsSync(directory)) throw new BrokerSetupError(`${directory} is missing`)
  await ensureBaseImage(engine, join(DOCKERFILES, 'base'), report)
  await buildImage(engine, directory, image, {}, report)
}

/** Why the image could not be pulled; undefined when the engine has it. */
async function pull(
  engine: Engine,
  image: string,
  report: (line: string) => void,
): Promise<string | undefined> {
  if (await isPresent(engine, image)) return undefined
  if (outOfReach !== undefined) return outOfReach
  const abort = new AbortController()
  try {
    const progress = await firstOf(
      engine.container.dockerode.pull(image, { abortSignal: abort.signal }),
      PULL_SILENCE_MS,
    )
    report(`  ${image}  pulling`)
    await followProgress(progress, () => {})
    return undefined
  } catch (error) {
    abort.abort()
    const message = error instanceof Error ? error.message : String(error)
    if (registryOutOfReach(message)) {
      outOfReach = message
      report(`No image can be pulled here (${message}): building stand-ins from conformance/containers`)
    } else report(`  ${image}  cannot be pulled (${message}): building a stand-in`)
    return message
  }
}

async function isPresent(engine: Engine, image: string): Promise<boolean> {
  try {
    await engine.container.dockerode.getImage(image).inspect()
    return true
  } catch {
    return false
  }
}

async function firstOf<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const timer = new AbortController()
  const silence = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer from the registry within ${timeoutMs / 1000} s`)
  })
  // Whichever loses is of no more interest, and must not end the process as an unhandled rejection.
  silence.catch(() => {})
  work.catch(() => {})
  try {
    return await Promise.race([work, silence])
  } finally {
    timer.abort()
  }
}
