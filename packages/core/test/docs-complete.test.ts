import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { CAPABILITY_IDS, META } from '../src/adapter/index.ts'
import { DEAD_LETTER_REASONS } from '../src/retry/dead-letter-reason.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const page = (path: string) => readFile(join(ROOT, path), 'utf8')

test.each([
  ['capability', 'docs/capabilities.md', CAPABILITY_IDS],
  ['metadata key', 'docs/retries-and-dead-letters.md', Object.values(META)],
  ['dead-letter reason', 'docs/retries-and-dead-letters.md', DEAD_LETTER_REASONS],
] as const)('every %s is documented', async (_, path, ids) => {
  const text = await page(path)
  expect(ids.filter(id => !text.includes(`\`${id}\``))).toEqual([])
})

test('every relative link of the docs leads somewhere', async () => {
  const docs = (await readdir(join(ROOT, 'docs'))).filter(name => name.endsWith('.md'))
  const paths = [
    'README.md',
    'CONTRIBUTING.md',
    'packages/core/README.md',
    ...docs.map(name => `docs/${name}`),
  ]
  const broken = await Promise.all(
    paths.map(async path => {
      const text = await page(path)
      const targets = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(match => match[1] ?? '')
      const dead = await Promise.all(
        targets.map(async target => ((await leads(path, target)) ? [] : [target])),
      )
      return dead.flat().map(target => `${path}: ${target}`)
    }),
  )
  expect(broken.flat()).toEqual([])
})

/** Whether a link's file is there, and has the heading that its fragment names. */
async function leads(from: string, link: string): Promise<boolean> {
  const [file = '', fragment] = link.split('#')
  const target = file === '' ? from : relative(ROOT, join(ROOT, dirname(from), file))
  if (!existsSync(join(ROOT, target))) return false
  if (fragment === undefined) return true
  const headings = [...(await page(target)).matchAll(/^#+ (.*)$/gm)].map(match => anchorOf(match[1] ?? ''))
  return headings.includes(fragment)
}

/** As GitHub makes them. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
