import { BusError } from '@busbar/core/adapter'
import type { Link } from './link.ts'

/** What the server says of itself. */
export interface ServerInfo {
  /** For reports: `Redis 8.0.2`. */
  readonly name: string
  /** Whether it takes several from a list at once (BLMPOP, since 7.0). */
  readonly popsMany: boolean
}

const OLDEST: Version = [6, 2]
type Version = readonly [major: number, minor: number]

/** @throws BusError BROKER_REJECTED for a server that lacks what this adapter is built of. */
export async function serverInfo(link: Link): Promise<ServerInfo> {
  // A user may lack INFO. Then what is not there shows when it is used.
  const text = await link.call('INFO', ['server']).then(String, () => '')
  return serverOf(text)
}

/** Exported for tests. @param info the reply to INFO server. */
export function serverOf(info: string): ServerInfo {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1]
  // Valkey began as Redis 7.2 and has all of it.
  if (valkey !== undefined) return { name: `Valkey ${valkey}`, popsMany: true }
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1]
  if (redis === undefined) return { name: 'Redis', popsMany: false }
  const [major = 0, minor = 0] = redis.split('.').map(Number)
  if (isOlder([major, minor], OLDEST))
    throw new BusError('BROKER_REJECTED', `Redis ${redis} is too old`, {
      remedy: `use Redis ${OLDEST.join('.')} or later, or Valkey: exclusive ranges, XPENDING IDLE and SMISMEMBER are needed`,
    })
  return { name: `Redis ${redis}`, popsMany: major >= 7 }
}

const isOlder = ([major, minor]: Version, [leastMajor, leastMinor]: Version): boolean =>
  major < leastMajor || (major === leastMajor && minor < leastMinor)
