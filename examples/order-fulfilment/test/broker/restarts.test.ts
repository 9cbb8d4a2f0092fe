import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { type BrokerName, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { SHIPPED_FILE } from '../../src/arguments.ts'
import { fulfil } from '../../src/fulfilment.ts'

/** The shipped file, with the broker restarted, while the shop goes on, at each of `lines`. */
async function* interrupted(lines: readonly number[], restart: () => Promise<void>) {
  let read = 0
  let restarting: Promise<void> | undefined
  for await (const line of createInterface({ input: createReadStream(SHIPPED_FILE) })) {
    if (lines.includes(read++)) {
      await restarting
      restarting = restart()
      // Whoever waits for it may come late; the test must see its failure all the same.
      restarting.catch(() => {})
    }
    yield Buffer.from(`${line}\n`)
  }
  await restarting
}

class Output {
  readonly isTTY = false
  text = ''
  write(chunk: string): boolean {
    this.text += chunk
    return true
  }
}

describe.each<BrokerName>(['rabbitmq', 'nats', 'redis'])('the shop on %s', name => {
  it('loses nothing over two restarts of the broker', { timeout: 240_000 }, async context => {
    const broker = await startBroker(name, { instance: `demo-${process.pid}` })
    if (!broker.controllable)
      return context.skip('BUSBAR_<NAME>_URL names a broker that is not ours to restart')
    try {
      const out = new Output()
      let restarts = 0
      const ok = await fulfil({
        url: broker.url,
        prefix: 'demo',
        input: interrupted([90, 240], async () => {
          await broker.restart()
          restarts++
        }),
        inputName: 'the shipped file',
        rate: 60,
        out,
        signal: new AbortController().signal,
      })
      expect(ok, out.text).toBe(true)
      expect(restarts).toBe(2)
      expect(out.text).toContain('read 381 lines: 375 published, 6 broken')
      expect(out.text).toMatch(/order-desk +375 +375 /)
      expect(out.text).toMatch(/billing +300 +300 /)
    } finally {
      await broker.remove()
    }
  })
})
