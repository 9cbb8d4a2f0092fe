import { isIP } from 'node:net'
import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls'
import type { Issue } from '@busbar/core/adapter'
import { hostOf } from './host.ts'
import type { NatsTls } from './options.ts'

/** What is wrong with the texts of `tls`; none of them is repeated. */
export function tlsIssues({ ca, cert, key }: NatsTls): Issue[] {
  const issues: Issue[] = []
  if (ca !== undefined && !accepted({ ca })) issues.push(notPem('ca'))
  if ((cert === undefined) !== (key === undefined)) {
    issues.push({
      field: cert === undefined ? 'tls.cert' : 'tls.key',
      problem: 'is missing',
      remedy: 'a client certificate needs both: pass tls.cert and tls.key',
    })
  } else if (cert !== undefined && key !== undefined) {
    if (!accepted({ cert })) issues.push(notPem('cert'))
    else if (!accepted({ key })) issues.push(notPem('key'))
    else if (!accepted({ cert, key }))
      issues.push({
        field: 'tls.key',
        problem: 'does not belong to tls.cert',
        remedy: 'pass the key that it was made with',
      })
  }
  return issues
}

const notPem = (name: string): Issue => ({
  field: `tls.${name}`,
  problem: 'is not PEM text',
  remedy: 'pass the text that begins with -----BEGIN, not a path; encrypted keys are not supported',
})

function accepted(texts: { ca?: string; cert?: string; key?: string }): boolean {
  // The platform takes a CA that it cannot read for none.
  if (Object.values(texts).some(text => !text.includes('-----BEGIN'))) return false
  try {
    createSecureContext(texts)
    return true
  } catch {
    return false
  }
}

/**
 * The driver's TLS options. For a server named by its address the driver has the platform compare the certificate with
 * `localhost`: here it is compared with the address.
 */
export function driverTls(tls: NatsTls, servers: readonly string[]) {
  const addresses = servers.map(hostOf).filter(host => isIP(host) !== 0)
  return {
    ...tls,
    checkServerIdentity: (host: string, certificate: PeerCertificate): Error | undefined => {
      const named = checkServerIdentity(host, certificate)
      if (named === undefined || host !== 'localhost' || addresses.length === 0) return named
      let problem: Error | undefined
      for (const address of addresses) {
        problem = checkServerIdentity(address, certificate)
        if (problem === undefined) return undefined
      }
      return problem
    },
  }
}
