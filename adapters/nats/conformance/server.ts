import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A nats-server of the suite's own, on loopback, whose port and store stay over a restart. */
export async function ownServer(binary: string) {
  const port = await freePort()
  const store = await mkdtemp(join(tmpdir(), 'busbar-nats-'))
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(binary, ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store], {
      stdio: 'ignore',
    })
    await listening(port)
    return child
  }
  const stop = async (child: ChildProcess) => {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
  let child = await start()
  return {
    url: `nats://127.0.0.1:${port}`,
    async restart() {
      await stop(child)
      child = await start()
    },
    async close() {
      await stop(child)
      await rm(store, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (open) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('nats-server did not start')
}
