import { createInterface } from 'node:readline'

/** One line of what an engine tells while it pulls or builds. */
export interface EngineEvent {
  readonly stream?: string
  readonly status?: string
  readonly error?: string
}

/**
 * Reads an engine's progress to its end.
 * @throws Error with the engine's own message when it reports one: the HTTP answer itself was a success.
 */
export async function followProgress(
  progress: NodeJS.ReadableStream,
  onEvent: (event: EngineEvent) => void,
): Promise<void> {
  let failure: string | undefined
  for await (const line of createInterface({ input: progress, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue
    const event = JSON.parse(line) as EngineEvent
    failure ??= event.error
    onEvent(event)
  }
  if (failure !== undefined) throw new Error(failure)
}
