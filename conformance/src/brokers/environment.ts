import type { BrokerName } from './catalogue.ts'
import { BrokerSetupError } from './setup-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** `BUSBAR_<BROKER>_URL` or `BUSBAR_<BROKER>_IMAGE`: `nats-2.10` becomes `BUSBAR_NATS_2_10_URL`. */
export function variable(name: BrokerName, suffix: 'URL' | 'IMAGE'): string {
  return `BUSBAR_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_${suffix}`
}

/** The broker that is already there, if the environment names one. */
export function existingUrl(name: BrokerName, environment: Environment): URL | undefined {
  const text = environment[variable(name, 'URL')]
  if (text === undefined || text === '') return undefined
  try {
    return new URL(text)
  } catch {
    // The text itself may hold a password.
    throw new BrokerSetupError(`${variable(name, 'URL')} is not a URL: pass something like nats://host:4222`)
  }
}

/** A URL fit for logs: the password is left out. */
export function printable(url: string): string {
  const parsed = new URL(url)
  if (parsed.password === '') return url
  parsed.password = '***'
  return parsed.href
}
