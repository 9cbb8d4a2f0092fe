/**
 * Packs every publishable package and looks at the tarballs as their users will: publint and attw, then a consumer
 * that has nothing but the tarballs' contents, type-checked and run by plain Node.
 *
 * Run by `npm run test:packages`, after `npm run build`.
 */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules', '.bin', name)
const run = (command: string, args: readonly string[], cwd = root) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

interface Package {
  readonly dir: string
  readonly manifest: {
    readonly name: string
    readonly private?: boolean
    readonly exports: Record<string, unknown>
  }
}

function publishable(): Package[] {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    workspaces: string[]
  }
  return workspaces
    .flatMap(pattern => {
      if (!pattern.endsWith('/*')) return [pattern]
      const parent = pattern.slice(0, -2)
      return readdirSync(join(root, parent)).map(name => join(parent, name))
    })
    .filter(dir => existsSync(join(root, dir, 'package.json')))
    .map(dir => ({
      dir,
      manifest: JSON.parse(readFileSync(join(root, dir, 'package.json'), 'utf8')) as Package['manifest'],
    }))
    .filter(({ manifest }) => manifest.private !== true)
}

const CONSUMER = `
import { createBus, event, isBusError } from '@busbar/core'
import { decodeEvent } from '@busbar/core/cloudevents'
import { physicalName } from '@busbar/core/adapter'
import { VirtualClock } from '@busbar/core/time'
import { memory } from '@busbar/memory'
import { nats } from '@busbar/nats'
import { rabbitmq } from '@busbar/rabbitmq'
import { redis } from '@busbar/redis'
import { createTestBus } from '@busbar/testing'
import { runSuite } from '@busbar/conformance'

const Pinged = event('com.example.pinged', { topic: 'pings' })
for (const target of ['memory:', memory()] as const) {
  const bus = await createBus(target, { source: '/consumer' })
  const seen = new Promise<string>(resolve => {
    void bus.subscribe(Pinged, { group: 'pongs' }, delivery => resolve(delivery.type)).then(() => bus.publish(Pinged, { n: 1 }))
  })
  if ((await seen) !== 'com.example.pinged') throw new Error('not delivered')
  await bus.drain()
  const refused = await bus.publish(Pinged, {}).then(() => undefined, (error: unknown) => error)
  if (!isBusError(refused, 'BUS_CLOSED')) throw new Error('a closed bus took a publish')
}
for (const value of [decodeEvent, physicalName, VirtualClock, createTestBus, runSuite]) {
  if (typeof value !== 'function') throw new Error('an export is missing')
}
for (const adapter of [nats(), rabbitmq(), redis()]) {
  if (adapter.capabilities.of['publish.confirm'].support !== 'native') throw new Error(adapter.name + ' has no manifest')
}
for (const [scheme, name] of [['amqp', 'rabbitmq'], ['nats', 'nats'], ['redis', 'redis']] as const) {
  // The URL alone names the package; nobody listens on the port.
  const error = await createBus(\`\${scheme}://127.0.0.1:1\`).then(() => undefined, (e: unknown) => e)
  if (!isBusError(error, 'CONNECTION_FAILED')) throw new Error(\`\${name}: \${String(error)}\`)
}
console.log('consumer: ok')
`

let failed = 0
let passed = 0
const check = (what: string, run: () => void) => {
  try {
    run()
    passed++
    console.log(`ok    ${what}`)
  } catch (error) {
    failed++
    const {
      stdout = '',
      stderr = '',
      message,
    } = error as { stdout?: string; stderr?: string; message: string }
    console.log(`FAIL  ${what}\n${`${stdout}${stderr}`.trim() || message}`)
  }
}

const work = mkdtempSync(join(tmpdir(), 'busbar-packages-'))
try {
  for (const { dir, manifest } of publishable()) {
    const [packed] = JSON.parse(
      run('npm', ['pack', '--json', '--pack-destination', work], join(root, dir)),
    ) as [{ filename: string }]
    const tarball = join(work, packed.filename)
    check(`${manifest.name}: publint`, () => run(bin('publint'), ['run', tarball, '--strict']))
    check(`${manifest.name}: are the types wrong`, () => run(bin('attw'), [tarball, '--profile', 'esm-only']))
    const home = join(work, 'consumer', 'node_modules', ...manifest.name.split('/'))
    mkdirSync(home, { recursive: true })
    run('tar', ['-xzf', tarball, '--strip-components=1', '-C', home])
  }
  const consumer = join(work, 'consumer')
  for (const shared of ['@standard-schema', '@types', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', shared), join(consumer, 'node_modules', shared))
  }
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(consumer, 'main.ts'), CONSUMER)
  // Strict, and without skipLibCheck: the declarations must hold on their own.
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'esnext',
    '--types',
    'node',
  ]
  check('consumer: type-checks against the packed declarations', () =>
    run(bin('tsc'), [...options, 'main.ts'], consumer),
  )
  // Only now: the declarations above were read without the drivers, none of whose types may be in them.
  for (const driver of ['amqplib', 'ioredis', '@nats-io'])
    symlinkSync(join(root, 'node_modules', driver), join(consumer, 'node_modules', driver))
  check('consumer: runs on the packed code', () => run(process.execPath, ['main.ts'], consumer))
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
