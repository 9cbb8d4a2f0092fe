import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { memoryHarness } from '../harness/memory.ts'
import type { Harness } from '../model/harness.ts'
import { UsageError } from './arguments.ts'

const BUILT_IN: Readonly<Record<string, Harness>> = { memory: memoryHarness }

/**
 * The harness that `--adapter` names: a built-in one, a file's default export, or a package's.
 * @throws UsageError when there is none.
 */
export async function loadHarness(name: string): Promise<Harness> {
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined
  if (builtIn !== undefined) return builtIn
  const isPath = name.startsWith('.') || isAbsolute(name)
  const specifier = isPath ? pathToFileURL(resolve(name)).href : name
  let loaded: { readonly default?: unknown }
  try {
    loaded = await import(specifier)
  } catch (error) {
    const known = Object.keys(BUILT_IN).join(', ')
    throw new UsageError(
      `--adapter ${name}: ${error instanceof Error ? error.message : String(error)}\n` +
        `Known adapters: ${known}; any other is a module whose default export is a Harness.`,
      { cause: error },
    )
  }
  if (!isHarness(loaded.default))
    throw new UsageError(`--adapter ${name}: its default export is not a Harness ({ name, open })`)
  return loaded.default
}

function isHarness(value: unknown): value is Harness {
  if (typeof value !== 'object' || value === null) return false
  const { name, open } = value as { name?: unknown; open?: unknown }
  return typeof name === 'string' && typeof open === 'function'
}
