import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { EncodedCommand, encodeRequest } from '../src/connection/encode.ts'

describe('a request', () => {
  it('is an array of strings with their lengths in bytes, text and bytes mixed', () => {
    const bytes = Uint8Array.of(0xff, 0x0d, 0x0a)
    const request = encodeRequest('XADD', ['{a}', 7, bytes, 'é€'])
    const expected = [
      Buffer.from('*5\r\n$4\r\nXADD\r\n$3\r\n{a}\r\n$1\r\n7\r\n$3\r\n'),
      bytes,
      Buffer.from('\r\n$5\r\né€\r\n'),
    ]
    expect(request).toEqual(Buffer.concat(expected))
  })

  it('has empty arguments', () => {
    expect(String(encodeRequest('PING', [new Uint8Array(), '']))).toBe(
      '*3\r\n$4\r\nPING\r\n$0\r\n\r\n$0\r\n\r\n',
    )
  })

  it('of a script tells a cluster the slot of its keys', () => {
    const routing = ['sha', 2, '{orders}', '{orders}:dedupe']
    const command = new EncodedCommand('EVALSHA', [...routing, Uint8Array.of(1)], routing)
    expect(command.getKeys()).toEqual(['{orders}', '{orders}:dedupe'])
  })
})
