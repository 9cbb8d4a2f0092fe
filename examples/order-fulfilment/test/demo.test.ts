import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const SHIPPED = fileURLToPath(new URL('../data/orders.jsonl', import.meta.url))

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** The cells of a group's row, latencies left out. */
  row(group: string): readonly string[]
}

function start(args: readonly string[]) {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
  delete env.BUS_URL
  delete env.BUS_PREFIX
  return spawn(process.execPath, ['--conditions=@busbar/source', MAIN, ...args], { env })
}

async function demo(args: readonly string[], input = ''): Promise<Run> {
  const child = start(args)
  const ended = once(child, 'close')
  child.stdin.on('error', () => {}).end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  const row = (group: string) => {
    const line = out.split('\n').find(candidate => candidate.trim().startsWith(`${group} `))
    return (
      line
        ?.replace(/ [\d.]+ ms/g, '')
        .trim()
        .split(/\s+/)
        .slice(1) ?? []
    )
  }
  return { code, out, err, row }
}

const placed = (id: string, data: object = {}) =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: '/test',
    type: 'com.example.orders.order.placed',
    datacontenttype: 'application/json',
    data: {
      orderId: `order-${id}`,
      customer: 'ada@example.com',
      items: [{ sku: 'tea-green', quantity: 1 }],
      payment: { method: 'card' },
      ...data,
    },
  })

describe('the shipped file', () => {
  // Longer than the demo waits for a lost event, so that a failure shows its table.
  it('ends with every event accounted for, and the same numbers each time', { timeout: 90_000 }, async () => {
    const { code, out, err, row } = await demo([SHIPPED, '--rate', '1000'])
    expect(err).toBe('')
    // published, handled, retried, dead, redriven, repeats
    expect(row('order-desk')).toEqual(['375', '375', '0', '1', '1', '0'])
    expect(row('pricing')).toEqual(['301', '301'])
    expect(row('billing')).toEqual(['300', '300', '59', '3', '3', '0'])
    expect(row('shipping')).toEqual(['300', '300', '0', '0', '0', '0'])
    for (const group of ['email', 'sms']) expect(row(group)).toEqual(['300', '300', '0', '0', '0', '0'])
    for (const screen of ['screen-1', 'screen-2']) expect(row(screen)).toEqual(['300', '300', '0'])
    expect(out).toContain('read 381 lines: 375 published, 6 broken')
    expect(out).toContain('3 × billing, after 4 attempts: this version of billing does not know gift cards')
    expect(out).toContain('1 × order-desk, first attempt: no article "whisk-bamboo" in the catalogue')
    expect(out).not.toContain('FAIL')
    expect(code).toBe(0)
  })
})

describe('broken lines', () => {
  it('are reported with number and reason, and the rest goes on', async () => {
    const lines = [
      placed('1'),
      'not json',
      '[]',
      '{"specversion":"1.0","source":"/test","type":"com.example.orders.order.placed"}',
      placed('5', { items: [] }),
      '',
      placed('1'),
      placed('8').replace('order.placed', 'order.lost'),
      placed('9').replace('"1.0"', '"0.3"'),
      placed('10'),
    ]
    const { code, out, row } = await demo(['-'], lines.join('\r\n'))
    expect(out).toContain('line 2 is not JSON: ')
    expect(out).toContain('line 3 is JSON, but not an object')
    expect(out).toContain('line 4 is not a CloudEvent: id missing or not a string')
    expect(out).toMatch(/line 5 breaks the schema of com\.example\.orders\.order\.placed: data\.items: /)
    expect(out).toContain('line 7 repeats the event "1" of an earlier line')
    expect(out).toContain('line 8 has type "com.example.orders.order.lost", which no service handles')
    expect(out).toMatch(/line 9 .*specversion/)
    expect(out).toContain('read 10 lines: 2 published, 7 broken')
    expect(row('shipping').slice(0, 2)).toEqual(['2', '2'])
    expect(code).toBe(0)
  })

  it('are only counted once there are too many to show', async () => {
    const { code, out } = await demo(['-'], 'broken\n'.repeat(1_000))
    expect(out.match(/^ {2}line \d+ /gm)).toHaveLength(20)
    expect(out).toContain('read 1000 lines: 0 published, 1000 broken')
    expect(code).toBe(0)
  })

  it('stay in the dead-letter queue when the fix does not help, and are accounted for there', async () => {
    const unknown = placed('1', { items: [{ sku: 'unobtainium', quantity: 1 }] })
    const { code, out, row } = await demo(['-'], `${unknown}\n${placed('2')}\n`)
    expect(row('order-desk')).toEqual(['2', '1', '0', '2', '1', '0'])
    expect(out).toContain('Still dead:')
    expect(out).toContain('or is one of the 1 in a dead-letter queue')
    expect(code).toBe(0)
  })
})

describe('the command line', () => {
  it('takes events from standard input', async () => {
    const input = (await readFile(SHIPPED, 'utf8')).split('\n').slice(0, 20).join('\n')
    const { code, out, row } = await demo(['-'], input)
    expect(out).toContain('Orders from standard input')
    expect(row('order-desk').slice(0, 2)).toEqual(['20', '20'])
    expect(code).toBe(0)
  })

  it('takes no input for an answer', async () => {
    const { code, out } = await demo(['-'])
    expect(out).toContain('read 0 lines: 0 published, 0 broken')
    expect(code).toBe(0)
  })

  it('explains itself', async () => {
    const { code, out } = await demo(['--help'])
    expect(out).toContain('Usage: npm run demo')
    expect(code).toBe(0)
  })

  it.each([
    ['an unknown option', ['--bogus'], "Unknown option '--bogus'"],
    ['a rate that is none', ['--rate', 'fast'], '--rate: "fast" is not a number above 0'],
    ['two files', ['a', 'b'], 'one file at a time, not 2'],
    ['a file that is not there', ['/no/such.jsonl'], 'cannot read /no/such.jsonl: there is no such file'],
    ['a directory', ['/'], 'cannot read /: it is a directory'],
  ])('refuses %s', async (_, args, problem) => {
    const { code, out, err } = await demo(args)
    expect(err).toBe(`demo: ${problem}\nTry --help.\n`)
    expect(out).toBe('')
    expect(code).toBe(2)
  })

  it('finishes what runs when it is interrupted, and says so', async () => {
    const child = start(['-'])
    const ended = once(child, 'close')
    const errors = text(child.stderr)
    child.stdin.write(`${placed('1')}\n`)
    let out = ''
    for await (const chunk of child.stdout) {
      const before = out
      out += chunk
      if (!before.includes('1 shipped') && out.includes('1 shipped')) child.kill('SIGINT')
    }
    const [code] = await ended
    expect(await errors).toContain('Stopping: finishing what runs')
    expect(out).toContain('interrupted')
    expect(out).not.toContain('FAIL')
    expect(code).toBe(130)
  })
})
