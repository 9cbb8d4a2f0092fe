import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { memoryHarness } from '../harness/memory.ts'
import type { Harness } from '../model/harness.ts'
import { UsageError } from './arguments.ts'

const BUILT_IN: Readonly<Record<string, Harness>> = { memory: memoryHarness }

/**
 * The harness that `--adapter` names: a built-in one, one of an adapter in this repository, a file's default export, or a
 * package's.
 * @throws UsageError when there is none.
 */
export async function loadHarness(name: string): Promise<Harness> {
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined
  if (builtIn !== undefined) return builtIn
  const specifier = specifierOf(name)
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

/** A path, a package, or the name of an adapter in this repository. */
function specifierOf(name: string): string {
  if (name.startsWith('.') || isAbsolute(name)) return pathToFileURL(resolve(name)).href
  const own = resolve('adapters', name, 'conformance', 'harness.ts')
  return existsSync(own) ? pathToFileURL(own).href : name
}

function isHarness(value: unknown): value is Harness {
  if (typeof value !== 'object' || value === null) return false
  const { name, open } = value as { name?: unknown; open?: unknown }
  return typeof name === 'string' && typeof open === 'function'
}
