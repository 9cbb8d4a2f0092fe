import { exchange, type Probe } from './probe.ts'

/** The server speaks first: a line `INFO {…}` that names its version and whether JetStream is on. */
export const probeNats: Probe = (url, signal) => exchange(url, 4222, undefined, parseInfo, signal)

export function parseInfo(received: Buffer): string | undefined {
  const end = received.indexOf('\r\n')
  if (end === -1) return undefined
  const line = received.toString('utf8', 0, end)
  if (!line.startsWith('INFO ')) throw new Error('this is no NATS server')
  const info = JSON.parse(line.slice('INFO '.length)) as { version?: string; jetstream?: boolean }
  if (info.jetstream !== true) throw new Error('JetStream is not enabled')
  return info.version ?? 'unknown'
}
