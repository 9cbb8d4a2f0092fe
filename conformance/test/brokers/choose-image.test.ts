import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BROKER_NAMES, recipe } from '../../src/brokers/catalogue.ts'
import { chooseImage, registryOutOfReach } from '../../src/brokers/choose-image.ts'

const root = join(import.meta.dirname, '../../..')

describe('the image of a broker', () => {
  test('is the official one, with a stand-in behind it', () => {
    expect(chooseImage(recipe('kafka'), {})).toEqual({
      kind: 'default',
      official: 'apache/kafka:4.3.1',
      standIn: 'busbar/kafka',
    })
  })

  test('is the one the environment names, and no other', () => {
    expect(chooseImage(recipe('nats-2.10'), { BUSBAR_NATS_2_10_IMAGE: 'my/nats:1' })).toEqual({
      kind: 'override',
      image: 'my/nats:1',
      variable: 'BUSBAR_NATS_2_10_IMAGE',
    })
  })

  test('an empty variable counts as none', () => {
    expect(chooseImage(recipe('redis'), { BUSBAR_REDIS_IMAGE: '' }).kind).toBe('default')
  })
})

describe('a failed pull', () => {
  test.each([
    'dial tcp: lookup some.host on 10.0.0.1:53: no such host',
    'net/http: request canceled while waiting for connection (Client.Timeout exceeded)',
    'x509: certificate signed by unknown authority',
    'toomanyrequests: You have reached your pull rate limit',
    'no answer from the registry within 30 s',
  ])('says that the registry is out of reach: %s', message => {
    expect(registryOutOfReach(message)).toBe(true)
  })

  test.each([
    'manifest for redis:99 not found: manifest unknown',
    'pull access denied for nobody/nothing, repository does not exist',
  ])('says something of one image only: %s', message => {
    expect(registryOutOfReach(message)).toBe(false)
  })
})

describe.each(BROKER_NAMES)('%s', name => {
  test('has a Dockerfile for its stand-in', () => {
    expect(existsSync(join(root, 'conformance/containers', name, 'Dockerfile'))).toBe(true)
  })

  test('has the same image and ports in compose.yaml', () => {
    const { officialImage, port, hostPort } = recipe(name)
    const compose = readFileSync(join(root, 'compose.yaml'), 'utf8')
    const service = compose.slice(compose.indexOf(`\n  ${name}:`)).split('\n\n')[0]
    expect(service).toContain(`:-${officialImage}}`)
    expect(service).toMatch(new RegExp(`\\b127\\.0\\.0\\.1:${hostPort}:${port}\\b`))
  })
})

test('no two brokers share a port of the host', () => {
  const ports = BROKER_NAMES.map(recipe).flatMap(({ hostPort, admin }) => [hostPort, admin?.hostPort ?? []])
  const used = ports.flat()
  expect(new Set(used).size).toBe(used.length)
})
