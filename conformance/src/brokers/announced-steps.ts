import type { EngineEvent } from './engine-progress.ts'

/**
 * Turns the output of a build into one line for each command (RUN) that is really run: a step whose result comes from the
 * cache passes in silence.
 */
export function announcedSteps(announce: (step: string) => void): (event: EngineEvent) => void {
  let step: string | undefined
  return ({ stream = '' }) => {
    const match = /^Step (\d+\/\d+) : (\w.*)/.exec(stream)
    if (match !== null) step = `${match[1]} ${match[2]?.replaceAll(/\s+/g, ' ').slice(0, 80)}`
    else if (stream.includes('Running in') && step?.includes(' RUN ')) {
      announce(step)
      step = undefined
    }
  }
}
