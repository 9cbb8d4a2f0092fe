import { BusError, isBusError } from '../errors/bus-error.ts'

/**
 * A secret, or a function that fetches it: called anew for each connect, so that rotated passwords and short-lived tokens
 * are picked up.
 */
export type Credentials<T> = T | (() => T | Promise<T>)

/**
 * The secret to connect with. Adapters call it for every connection they open, reconnects included.
 * @throws BusError AUTHENTICATION_FAILED when the function throws; its error is the cause, and no secret is in the message.
 */
export async function resolveCredentials<T extends object | string>(credentials: Credentials<T>): Promise<T> {
  if (typeof credentials !== 'function') return credentials
  try {
    return await credentials()
  } catch (cause) {
    if (isBusError(cause)) throw cause
    throw new BusError('AUTHENTICATION_FAILED', 'the credentials function threw', {
      cause,
      field: 'credentials',
      retryable: true,
      remedy: 'see the cause: it is what fetches the secret',
    })
  }
}
