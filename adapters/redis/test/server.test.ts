import { describe, expect, it } from 'vitest'
import { serverOf } from '../src/connection/server.ts'

describe('the server’s version', () => {
  it('is told from INFO, and says which commands there are', () => {
    expect(serverOf('redis_version:8.0.2\r\nos:Linux')).toEqual({ name: 'Redis 8.0.2', popsMany: true })
    expect(serverOf('redis_version:6.2.14\r\n')).toEqual({ name: 'Redis 6.2.14', popsMany: false })
  })

  it('is Valkey’s own, not that of the Redis it claims to be', () => {
    const info = 'redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n'
    expect(serverOf(info)).toEqual({ name: 'Valkey 8.1.1', popsMany: true })
  })

  it('is refused when it is too old, with what to do', () => {
    for (const version of ['5.0.14', '6.0.16'])
      expect(() => serverOf(`redis_version:${version}\r\n`)).toThrow(
        expect.objectContaining({ code: 'BROKER_REJECTED', remedy: expect.stringContaining('6.2') }),
      )
  })

  it('may be unknown to a user who lacks INFO', () => {
    expect(serverOf('')).toEqual({ name: 'Redis', popsMany: false })
  })
})
