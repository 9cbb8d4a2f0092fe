import { networkInterfaces } from 'node:os'
import { expect, it } from 'vitest'
import { clientHost } from '../../src/brokers/client-host.ts'
import type { Engine } from '../../src/brokers/engine.ts'

const engineAt = (host: string) => ({ info: { containerRuntime: { host } } }) as unknown as Engine

it('is the loopback address for an engine on this machine, whatever it is called', async () => {
  expect(await clientHost(undefined)).toBe('127.0.0.1')
  expect(await clientHost(engineAt('localhost'))).toBe('127.0.0.1')
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  for (const { address, family } of addresses)
    if (family === 'IPv4') expect(await clientHost(engineAt(address))).toBe('127.0.0.1')
})

it('is the host of an engine elsewhere', async () => {
  expect(await clientHost(engineAt('203.0.113.7'))).toBe('203.0.113.7')
})
