import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** Runs a module of its own; what it printed. */
const run = (code: string): Promise<string> =>
  new Promise(resolve => {
    const args = ['--conditions=@busbar/source', '--input-type=module', '--eval', code]
    execFile(process.execPath, args, { cwd: ROOT, timeout: 15_000 }, (error, stdout) =>
      resolve(`${stdout}${error === null ? 'ended' : `failed: ${error.message}`}`),
    )
  })

test('a connected bus keeps its process alive, as a socket would, and a closed one lets it end', async () => {
  // The timer does not keep the process: it fires only if something else does.
  const output = await run(`
    import { createBus } from '@busbar/core'
    const bus = await createBus('memory:')
    await bus.subscribe('orders', { group: 'g' }, () => {})
    setTimeout(() => { console.log('alive'); void bus.close() }, 200).unref()
  `)
  expect(output).toBe('alive\nended')
})
