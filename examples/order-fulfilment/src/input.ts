import { open } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { UsageError } from './arguments.ts'

/**
 * The bytes of a file, or of standard input for `-`. They end when `signal` aborts, even if the next ones never come.
 * @throws UsageError when there is nothing to read
 */
export async function openInput(file: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  return untilAborted(addAbortSignal(signal, file === '-' ? process.stdin : await openFile(file)), signal)
}

async function* untilAborted(stream: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  try {
    yield* stream
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function openFile(file: string) {
  try {
    const handle = await open(file)
    if ((await handle.stat()).isDirectory()) {
      await handle.close()
      throw new UsageError(`cannot read ${file}: it is a directory`)
    }
    return handle.createReadStream()
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : message
    throw new UsageError(`cannot read ${file}: ${reason}`)
  }
}
