import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES } from '@busbar/core'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => join(entry.parentPath, entry.name))

/** Whether a dependency of a file of core is one it may have. Types leave nothing behind at run time. */
function isAllowed(file: string, specifier: string, typeOnly: boolean): boolean {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return true
  if (specifier === '@standard-schema/spec') return typeOnly
  return specifier === 'cloudevents' && file === join('src', 'cloudevents', 'sdk.ts')
}

test('core has no runtime dependency: the one it has is types alone', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(Object.keys(manifest.dependencies ?? {})).toEqual(['@standard-schema/spec'])
})

test("no source of core imports anything but Node's own modules, its own files, and types", () => {
  expect(sources.length).toBeGreaterThan(50)
  const wrong: string[] = []
  for (const path of sources) {
    const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
    const statics = text.matchAll(/^(?:import|export)\s+(type\s)?[^;'"]*?from\s+['"]([^'"]+)['"]/gm)
    const bare = text.matchAll(/^import\s+['"]([^'"]+)['"]/gm)
    const dynamics = text.matchAll(/(?:\bimport|\brequire)\(\s*['"]([^'"]+)['"]/g)
    const found: [string, boolean][] = [
      ...[...statics].map(
        ([, type, specifier]) => [specifier ?? '', type !== undefined] as [string, boolean],
      ),
      ...[...bare, ...dynamics].map(([, specifier]) => [specifier ?? '', false] as [string, boolean]),
    ]
    const file = relative(root, path)
    for (const [specifier, typeOnly] of found)
      if (!isAllowed(file, specifier, typeOnly)) wrong.push(`${file}: ${specifier}`)
  }
  expect(wrong).toEqual([])
})

test('every error code has its section in the documentation, and no section is left over', () => {
  const text = readFileSync(join(root, '..', '..', 'docs', 'error-codes.md'), 'utf8')
  const documented = [...text.matchAll(/^##+ `?([A-Z][A-Z_]+)`?\s*$/gm)].map(([, code]) => code ?? '')
  expect(documented.sort()).toEqual([...ERROR_CODES].sort())
})
