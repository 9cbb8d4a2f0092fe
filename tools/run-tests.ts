/**
 * Everything that has to hold before a change lands, in order, stopping at the first step that fails. Run by `npm test`.
 * Ends with one line that adds up the tests of all steps.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

interface Step {
  readonly title: string
  readonly script: readonly string[]
}

/** Servers that an adapter's suite runs on, one run each. */
const SERVERS = [
  { adapter: 'rabbitmq', server: 'rabbitmq' },
  { adapter: 'nats', server: 'nats' },
  { adapter: 'nats', server: 'nats-2.10' },
  { adapter: 'redis', server: 'redis' },
  { adapter: 'redis', server: 'valkey' },
] as const

const reportOf = (server: string) => `reports/conformance-${server}.json`

const STEPS: readonly Step[] = [
  // First, because without an engine for containers, or brokers named in its place, the rest is in vain.
  { title: 'brokers in containers', script: ['brokers', '--', 'up', ...SERVERS.map(({ server }) => server)] },
  { title: 'build every package', script: ['build'] },
  { title: 'format and lint', script: ['lint'] },
  { title: 'type-check sources, tests and examples', script: ['typecheck'] },
  { title: 'unit tests', script: ['test:unit'] },
  {
    title: 'conformance of the embedded broker',
    script: ['conformance', '--', '--adapter', 'memory', '--json', reportOf('memory')],
  },
  {
    title: 'mutants: every case kills one, and none survives',
    script: ['conformance', '--', '--mutants', '--json', 'reports/mutants.json'],
  },
  { title: 'the packed packages', script: ['test:packages'] },
  { title: 'the demo adds up', script: ['demo'] },
  { title: 'tests of one broker each', script: ['test:brokers'] },
  ...SERVERS.map(({ adapter, server }) => ({
    title: `conformance of ${adapter} on ${server}`,
    script: [
      ...['conformance', '--', '--adapter', adapter, '--server', server],
      ...['--parallel', '8', '--json', reportOf(server)],
    ],
  })),
]

/** Runs one npm script with its output shown as it comes; that output without colours, and the exit code. */
function run({ script }: Step): Promise<{ readonly output: string; readonly code: number }> {
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

/** What was proved on which server: nothing that is left out may look like something that passed. */
function proved(server: string): string {
  const { version, summary } = JSON.parse(readFileSync(reportOf(server), 'utf8')) as {
    version: string
    summary: Readonly<Record<string, number>>
  }
  const counts = ['pass', 'fail', 'refused', 'not-proven', 'skipped'].map(
    status => `${summary[status]} ${status}`,
  )
  return `${version.padEnd(20)} ${summary.total} cases: ${counts.join(', ')}`
}

let passed = 0
let failed = 0
const times: string[] = []
for (const step of STEPS) {
  const { title } = step
  console.log(`\n=== ${title}`)
  const start = performance.now()
  const { output, code } = await run(step)
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
if (failed === 0)
  for (const server of ['memory', ...SERVERS.map(({ server }) => server)]) console.log(proved(server))
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
