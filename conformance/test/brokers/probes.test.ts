import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startBroker } from '../../src/brokers/index.ts'
import { encodeRequest, requireNoError } from '../../src/brokers/probes/kafka.ts'
import { parseInfo } from '../../src/brokers/probes/nats.ts'
import { parseConnectionStart } from '../../src/brokers/probes/rabbitmq.ts'
import { parseServerInfo } from '../../src/brokers/probes/redis.ts'

const text = (content: string) => Buffer.from(content)

describe('NATS', () => {
  const info = text('INFO {"version":"2.10.27","jetstream":true}\r\n')

  test('tells its version in its first line, once that is complete', () => {
    expect(parseInfo(info.subarray(0, 20))).toBeUndefined()
    expect(parseInfo(info)).toBe('2.10.27')
  })

  test('without JetStream is not the server wanted', () => {
    expect(() => parseInfo(text('INFO {"version":"2.10.27"}\r\n'))).toThrow(/JetStream is not enabled/)
  })

  test('another server on its port is recognised', () => {
    expect(() => parseInfo(text('SSH-2.0-x\r\n'))).toThrow(/no NATS server/)
  })
})

describe('Redis and Valkey', () => {
  test('each tell their own version', () => {
    const redis = '$99\r\n# Server\r\nredis_version:8.0.2\r\nprocess_id:1\r\n'
    expect(parseServerInfo(text(redis))).toBe('8.0.2')
    const valkey = '$99\r\n# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.1.1\r\nprocess_id:1\r\n'
    expect(parseServerInfo(text(valkey))).toBe('8.1.1')
  })

  test('half an answer is awaited', () => {
    expect(parseServerInfo(text('$99\r\n# Server\r\nredis_version:7.2.4\r\n'))).toBeUndefined()
  })

  test('are not ready while they load, or when they refuse the password', () => {
    expect(() => parseServerInfo(text('-LOADING Redis is loading the dataset\r\n'))).toThrow(/LOADING/)
    expect(() => parseServerInfo(text('-WRONGPASS invalid\r\n'))).toThrow(/WRONGPASS/)
  })
})

describe('RabbitMQ', () => {
  const properties = Buffer.concat([text('\x07versionS'), Buffer.from([0, 0, 0, 5]), text('4.0.5')])
  const frame = (type: number, payload: Buffer) =>
    Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, payload.length]), payload])

  test('tells its version in connection.start, once the frame is complete', () => {
    expect(parseConnectionStart(frame(1, properties).subarray(0, 12))).toBeUndefined()
    expect(parseConnectionStart(frame(1, properties))).toBe('4.0.5')
  })

  test('another server on its port is recognised', () => {
    expect(() => parseConnectionStart(text('HTTP/1.1 400 Bad Request'))).toThrow(/no AMQP/)
  })
})

describe('Kafka', () => {
  const answer = (code: number) => Buffer.from([0, 0, 0, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, code >> 8, code])

  test('a request starts with the length of what follows', () => {
    const request = encodeRequest({ key: 16, version: 3 }, Buffer.from([0]))
    expect(request.readInt32BE(0)).toBe(request.length - 4)
    expect(request.readInt16BE(4)).toBe(16)
  })

  test('is not ready while its coordinator is loading', () => {
    expect(requireNoError(answer(0).subarray(0, 9))).toBeUndefined()
    expect(requireNoError(answer(0))).toBe(true)
    expect(() => requireNoError(answer(14))).toThrow(/error 14/)
  })
})

describe('a broker named by its URL', () => {
  let server: Server
  afterEach(() => server.close())

  test('is awaited until it serves clients, and is not ours to stop', async () => {
    let connections = 0
    server = createServer(socket => {
      connections++
      // As the engine does for a container whose server has not started: accept, and hang up.
      if (connections < 3) socket.destroy()
      else socket.write('INFO {"version":"2.15.2","jetstream":true}\r\n')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const environment = { BUSBAR_NATS_URL: `nats://127.0.0.1:${port}` }
    const broker = await startBroker('nats', { environment, timeoutMs: 10_000 })
    expect(broker).toMatchObject({ version: '2.15.2', controllable: false, image: undefined })
    expect(connections).toBe(3)
    await expect(broker.restart()).rejects.toThrow(/BUSBAR_NATS_URL, and not ours/)
  })
})
