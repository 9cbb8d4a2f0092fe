import type { Adapter } from '@busbar/core/adapter'

/** Those whom a broker with TLS and logins lets in. */
export const WELCOME = ['tls', 'mutual-tls'] as const

/** Those who cannot get in, each for one reason. */
export const REFUSED = [
  /** No server listens on the port. */
  'nobody-there',
  /** The host's name means nothing. */
  'unknown-host',
  'wrong-password',
  /** Logs in, and may do nothing. */
  'no-permission',
  /** Trusts an authority that did not sign the server's certificate. */
  'untrusted-authority',
  /** Reaches the server by a name that is not in its certificate. */
  'wrong-name',
  /** Has no certificate where the server demands one. */
  'no-certificate',
  /** Speaks TLS to a port without. */
  'tls-to-plain',
  /** Speaks without TLS to a port that demands it. */
  'plain-to-tls',
] as const

export type Visitor = (typeof WELCOME)[number] | (typeof REFUSED)[number]

/** How a harness makes adapters that come to the broker in each of these ways. */
export interface Visitors {
  /** No error may contain it. */
  readonly secret: string
  /** Starts what is needed at the first call. */
  adapter(as: Visitor): Promise<Adapter>
}
