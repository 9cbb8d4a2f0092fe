import { exchange, type Probe } from './probe.ts'

/** Redis and Valkey answer while they still load their data, with an error that says so. */
export const probeRedis: Probe = (url, signal) => {
  const login =
    url.password === ''
      ? ''
      : command('AUTH', ...[url.username, url.password].map(decodeURIComponent).filter(text => text !== ''))
  return exchange(url, 6379, login + command('INFO', 'server'), parseServerInfo, signal)
}

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

export function parseServerInfo(received: Buffer): string | undefined {
  const text = received.toString('utf8')
  const error = /^-(.*)\r\n/m.exec(text)
  if (error?.[1] !== undefined) throw new Error(error[1])
  // Valkey also names a Redis version, the last one it is compatible with.
  const version = /^valkey_version:(.+)\r$/m.exec(text) ?? /^redis_version:(.+)\r$/m.exec(text)
  const complete = /^process_id:/m.test(text)
  return complete ? version?.[1] : undefined
}
