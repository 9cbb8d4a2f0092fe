/**
 * Everything that has to hold before a change lands, in order, stopping at the first step that fails. Run by `npm test`.
 * Ends with one line that adds up the tests of all steps.
 */
import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'

interface Step {
  readonly title: string
  readonly script: readonly string[]
}

const STEPS: readonly Step[] = [
  { title: 'build every package', script: ['build'] },
  { title: 'format and lint', script: ['lint'] },
  { title: 'type-check sources, tests and examples', script: ['typecheck'] },
  { title: 'unit tests', script: ['test:unit'] },
  {
    title: 'conformance of the embedded broker',
    script: ['conformance', '--', '--adapter', 'memory', '--json', 'reports/conformance-memory.json'],
  },
  {
    title: 'mutants: every case kills one, and none survives',
    script: ['conformance', '--', '--mutants', '--json', 'reports/mutants.json'],
  },
  { title: 'the packed packages', script: ['test:packages'] },
  { title: 'the demo adds up', script: ['demo'] },
]

/** Runs one npm script with its output shown as it comes; that output without colours, and the exit code. */
function run(script: readonly string[]): Promise<{ readonly output: string; readonly code: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', ...script], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const take = (chunk: Buffer, out: NodeJS.WriteStream) => {
      out.write(chunk)
      output += chunk.toString('utf8')
    }
    child.stdout.on('data', chunk => take(chunk, process.stdout))
    child.stderr.on('data', chunk => take(chunk, process.stderr))
    child.on('error', reject)
    child.on('close', code => resolve({ output: stripVTControlCharacters(output), code: code ?? 1 }))
  })
}

/** A step's own count: the last line that names passed tests, as Vitest and the suite's own tools print it. */
function counts(output: string): { passed: number; failed: number } {
  const line =
    output.split('\n').findLast(text => /\b\d+ passed\b/.test(text) && !text.includes('Test Files')) ?? ''
  const number = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
  return { passed: number('passed'), failed: number('failed') }
}

let passed = 0
let failed = 0
const times: string[] = []
for (const { title, script } of STEPS) {
  console.log(`\n=== ${title}`)
  const start = performance.now()
  const { output, code } = await run(script)
  const count = counts(output)
  passed += count.passed
  failed += count.failed
  times.push(
    `${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${code === 0 ? 'ok  ' : 'FAIL'}  ${title}`,
  )
  if (code !== 0) {
    failed = Math.max(failed, 1)
    break
  }
}
console.log(`\n${times.join('\n')}\n`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
