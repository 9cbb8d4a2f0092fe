import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/**
 * One exchange in the server's own protocol: resolves once the server serves clients, with its version where the
 * protocol tells it, and rejects while it does not. An open port proves nothing: the engine accepts connections on
 * behalf of a container whose server is still starting.
 */
export type Probe = (url: URL, signal: AbortSignal) => Promise<string | undefined>

const TLS = /^(amqps|rediss|tls|https):$/

/**
 * Connects, sends `request` if there is one, and returns the first answer that `parse` understands; `parse` gets all
 * bytes received so far and returns undefined for "not all of it yet".
 */
export function exchange<T>(
  url: URL,
  defaultPort: number,
  request: Uint8Array | string | undefined,
  parse: (received: Buffer) => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = url.port === '' ? defaultPort : Number(url.port)
    const secure = TLS.test(url.protocol)
    const socket: Socket = secure
      ? connectTls({ host, port, servername: host })
      : connectPlain({ host, port })
    let received: Buffer = Buffer.alloc(0)
    const settle = (finish: () => void) => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      finish()
    }
    const fail = (error: Error) => settle(() => reject(error))
    const onAbort = () => fail(new Error('no answer in time'))
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the connection was closed before an answer came')))
    socket.on(secure ? 'secureConnect' : 'connect', () => {
      if (request !== undefined) socket.write(request)
    })
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      try {
        const answer = parse(received)
        if (answer !== undefined) settle(() => resolve(answer))
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}
