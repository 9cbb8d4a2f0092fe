import { open } from 'node:fs/promises'
import { UsageError } from './arguments.ts'

/** The bytes of a file, or of standard input for `-`. @throws UsageError when there is nothing to read */
export async function openInput(file: string): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return process.stdin
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
