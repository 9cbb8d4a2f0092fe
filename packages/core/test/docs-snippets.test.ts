import { type ChildProcess, execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A fenced TypeScript block of a page, as a module. */
interface Snippet {
  readonly page: string
  /** The page's line before the block's first one. */
  readonly line: number
  readonly prelude: string
  readonly code: string
}

let folder = ''

beforeAll(async () => {
  // Inside the repository, where packages resolve; it ignores itself, should a run be cut short.
  folder = await mkdtemp(join(ROOT, '.docs-snippets-'))
  await writeFile(join(folder, '.gitignore'), '*\n')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test('every TypeScript block of the README and the docs compiles', { timeout: 120_000 }, async () => {
  const snippets = (await Promise.all((await pages()).map(snippetsOf))).flat()
  expect(snippets.length).toBeGreaterThan(40)
  await Promise.all(
    snippets.map((snippet, i) => writeFile(join(folder, fileOf(i)), snippet.prelude + snippet.code)),
  )
  // Proof that the compiler has looked: without this finding, having none would mean nothing.
  await writeFile(join(folder, 'canary.ts'), "export const wrong: number = 'text'\n")
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: relative(folder, join(ROOT, 'tsconfig.base.json')),
      compilerOptions: {
        noEmit: true,
        customConditions: ['@busbar/source'],
        allowImportingTsExtensions: true,
      },
      include: ['*.ts'],
    }),
  )
  const { output } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'])
  expect(output).toMatch(/canary\.ts\(1,14\): error TS2322/)
  expect(located(output, snippets)).toEqual([])
})

test('the first block of the README runs as it stands, until it is told to stop', {
  timeout: 30_000,
}, async () => {
  const [first] = await snippetsOf('README.md')
  const file = join(folder, 'readme.ts')
  await writeFile(file, first?.code ?? '')
  const { output, code } = await run(
    process.execPath,
    ['--conditions=@busbar/source', file],
    (sofar, child) => {
      if (sofar.includes('order o-1')) child.kill('SIGTERM')
    },
  )
  expect(output).toContain('order o-1')
  expect(code).toBe(0)
})

/** Those whose blocks are checked, the README first. */
async function pages(): Promise<readonly string[]> {
  const docs = (await readdir(join(ROOT, 'docs'))).filter(name => name.endsWith('.md')).sort()
  const readmes = ['README.md', 'packages/core/README.md', 'adapters/memory/README.md']
  return [...readmes, ...docs.map(name => `docs/${name}`)]
}

/**
 * A block with imports stands alone; any other one is a fragment and gets the page's prelude, which is
 * written in an HTML comment: `<!-- prelude … -->`.
 */
async function snippetsOf(page: string): Promise<readonly Snippet[]> {
  const text = await readFile(join(ROOT, page), 'utf8')
  const prelude = /<!-- prelude\n([\s\S]*?)-->/.exec(text)?.[1] ?? ''
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(match => {
    const code = match[1] ?? ''
    return {
      page,
      line: text.slice(0, match.index).split('\n').length,
      prelude: /^import /m.test(code) ? '' : `${prelude}export {}\n`,
      code,
    }
  })
}

const fileOf = (i: number) => `snippet-${i}.ts`

/** The compiler's findings at the lines of the pages. */
function located(output: string, snippets: readonly Snippet[]): readonly string[] {
  return [...output.matchAll(/snippet-(\d+)\.ts\((\d+),\d+\): (error .*)/g)].map(([, i, line, error]) => {
    const snippet = snippets[Number(i)]
    if (snippet === undefined) return String(error)
    const inBlock = Number(line) - (snippet.prelude.split('\n').length - 1)
    return `${snippet.page}:${snippet.line + inBlock}: ${error}${inBlock < 1 ? ' (in its prelude)' : ''}`
  })
}

function run(
  command: string,
  args: readonly string[],
  watch?: (output: string, child: ChildProcess) => void,
): Promise<{ output: string; code: number }> {
  return new Promise(resolve => {
    const child = execFile(command, args, { cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ output: stdout + stderr, code: error === null ? 0 : Number(error.code ?? 1) })
    })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
      watch?.(output, child)
    })
  })
}
