import { createConnection } from 'node:net'
import { BusError } from '@busbar/core/adapter'
import { hostOf } from './host.ts'
import type { NatsTls } from './options.ts'

const PATIENCE = 500
const DEFAULT_PORT = 4222

/**
 * Why a connect with TLS ran out of time: a server that wants a client certificate, or TLS before it speaks, closes or
 * waits without a word that the driver passes on. Its greeting tells which.
 */
export async function whyNoTls(server: string, tls: NatsTls): Promise<BusError | undefined> {
  const greeting = await greetingOf(server)
  if (greeting === 'silent' && tls.handshakeFirst !== true)
    return new BusError('TLS_FAILED', `${server} does not speak first`, {
      field: 'tls.handshakeFirst',
      remedy: 'it seems to wait for TLS: set tls.handshakeFirst',
    })
  if (typeof greeting === 'object' && greeting.tls_verify === true && tls.cert === undefined)
    return new BusError('TLS_FAILED', `${server} asks for a client certificate`, {
      field: 'tls.cert',
      remedy: 'pass tls.cert and tls.key, signed by whom the server trusts',
    })
  return undefined
}

/** `silent`: it takes connections and says nothing. */
function greetingOf(server: string): Promise<{ tls_verify?: boolean } | 'silent' | undefined> {
  const host = hostOf(server)
  const port = Number(/:(\d+)$/.exec(server)?.[1] ?? DEFAULT_PORT)
  return new Promise(resolve => {
    const socket = createConnection({ host, port })
    let connected = false
    let text = ''
    const end = (greeting: { tls_verify?: boolean } | 'silent' | undefined) => {
      socket.destroy()
      resolve(greeting)
    }
    socket.setTimeout(PATIENCE, () => end(connected ? 'silent' : undefined))
    socket.on('error', () => end(undefined))
    socket.on('connect', () => {
      connected = true
    })
    socket.on('data', chunk => {
      text += chunk
      const line = /^INFO (\{.*\})/.exec(text)
      if (line?.[1] !== undefined) end(JSON.parse(line[1]))
    })
  })
}
