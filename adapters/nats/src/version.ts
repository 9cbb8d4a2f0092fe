import { BusError } from '@busbar/core/adapter'

/** The first whose streams and consumers carry metadata, and whose API answers tell its time. */
const OLDEST = { major: 2, minor: 10 }

/** @throws BusError BROKER_REJECTED for a server that is too old; one that does not tell its version is given a chance. */
export function assertVersion(version: string | undefined): void {
  const found = /^v?(\d+)\.(\d+)/.exec(version ?? '')
  if (found === null) return
  const major = Number(found[1])
  const minor = Number(found[2])
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return
  throw new BusError(
    'BROKER_REJECTED',
    `the server is NATS ${version}, older than ${OLDEST.major}.${OLDEST.minor}`,
    {
      field: 'servers',
      remedy: `use a server of version ${OLDEST.major}.${OLDEST.minor} or later`,
    },
  )
}
