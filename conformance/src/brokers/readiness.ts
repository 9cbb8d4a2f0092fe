import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerRecipe } from './catalogue.ts'
import { printable } from './environment.ts'
import { BrokerSetupError } from './setup-error.ts'

/** One exchange with a server that is ready takes milliseconds; one with a frozen server would take for ever. */
const PROBE_TIMEOUT_MS = 5_000
const PROBE_INTERVAL_MS = 100

/**
 * Resolves with the server's version, if it tells one, as soon as it serves clients.
 * @throws BrokerSetupError with the last reason when it does not in time; `stillRunning` ends the wait early.
 */
export async function untilReady(
  recipe: BrokerRecipe,
  url: URL,
  timeoutMs: number,
  stillRunning: () => Promise<boolean> = async () => true,
): Promise<string | undefined> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const left = deadline - performance.now()
    try {
      return await recipe.probe(
        url,
        AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(left, PROBE_TIMEOUT_MS)))),
      )
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const where = `${recipe.title} at ${printable(url.href)}`
      if (!(await stillRunning()))
        throw new BrokerSetupError(`${where} ended while it was starting: ${reason}`, { cause: error })
      if (performance.now() + PROBE_INTERVAL_MS > deadline)
        throw new BrokerSetupError(`${where} does not serve clients after ${timeoutMs} ms: ${reason}`, {
          cause: error,
        })
    }
    await sleep(PROBE_INTERVAL_MS)
  }
}
