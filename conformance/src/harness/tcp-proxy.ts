import { connect, createServer, type Socket } from 'node:net'

/**
 * A TCP proxy on loopback between one client and its broker, whose port stays while the broker's link is harmed: what a cable,
 * a firewall or a stuck process does to a connection.
 */
export interface TcpProxy {
  readonly port: number
  /** Ends every connection and refuses new ones, until `heal`. */
  cut(): void
  heal(): void
  /** Passes nothing on in either direction, new connections included, until `resume`: the link looks alive. */
  stall(): void
  resume(): void
  /** Ends everything. Resolves when the port is free. */
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

export async function startProxy(targetHost: string, targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isCut = false
  let isStalled = false

  const listener = createServer({ noDelay: true }, client => {
    client.on('error', () => {})
    if (isCut) {
      client.resetAndDestroy()
      return
    }
    const server = connect({ host: targetHost, port: targetPort, noDelay: true })
    const pair = { client, server }
    pairs.add(pair)
    join(client, server, pair)
    join(server, client, pair)
  })

  function join(from: Socket, to: Socket, pair: Pair): void {
    from.on('error', () => {})
    from.on('data', bytes => {
      if (!to.write(bytes)) from.pause()
    })
    to.on('drain', () => {
      if (!isStalled) from.resume()
    })
    from.on('end', () => to.end())
    from.on('close', () => {
      pairs.delete(pair)
      to.destroy()
    })
    if (isStalled) from.pause()
  }

  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', resolve)
  })
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')

  function reset(): void {
    for (const { client, server } of pairs) {
      resetSocket(client)
      resetSocket(server)
    }
    pairs.clear()
  }

  return {
    port: address.port,
    cut() {
      isCut = true
      reset()
    },
    heal() {
      isCut = false
    },
    stall() {
      isStalled = true
      for (const { client, server } of pairs) {
        client.pause()
        server.pause()
      }
    },
    resume() {
      isStalled = false
      for (const { client, server } of pairs) {
        client.resume()
        server.resume()
      }
    },
    close() {
      reset()
      return new Promise(resolve => {
        listener.close(() => resolve())
      })
    },
  }
}

/**
 * A socket that is shutting down cannot be reset: libuv refuses, and Node takes it for closing all the same, so that the process
 * would spin for ever when it ends, waiting for a handle that nobody closes.
 */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
