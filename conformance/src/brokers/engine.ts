import { spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ContainerRuntimeClient, getContainerRuntimeClient } from 'testcontainers'
import { isRootOnDebian } from './bare-debian.ts'
import { runCommand } from './run-command.ts'
import { BrokerSetupError } from './setup-error.ts'

/** A running container engine, wherever Testcontainers finds one: DOCKER_HOST, its own settings, the usual sockets. */
export type Engine = ContainerRuntimeClient

const DAEMON_LOG = '/var/log/dockerd.log'
const START_TIMEOUT_MS = 60_000

export const NO_ENGINE = `No container engine was found, and the brokers under test run in containers. Either
  - install and start Docker or another engine with its API (or set DOCKER_HOST to one), or
  - name brokers that are already there: BUSBAR_RABBITMQ_URL, BUSBAR_REDIS_URL, BUSBAR_NATS_URL, ….
As root on Debian, this command installs and starts docker.io by itself.`

export async function findEngine(): Promise<Engine | undefined> {
  try {
    return await getContainerRuntimeClient()
  } catch {
    return undefined
  }
}

/**
 * The engine that runs, or, as root on Debian, one that is installed and started now.
 * @throws BrokerSetupError where there is none and none may be installed.
 */
export async function ensureEngine(report: (line: string) => void): Promise<Engine> {
  const running = await findEngine()
  if (running !== undefined) return running
  if (!isRootOnDebian()) throw new BrokerSetupError(NO_ENGINE)
  if (!hasDaemon()) {
    report("No container engine here: installing Debian's docker.io")
    await installPackages(['docker.io'])
  }
  report(`Starting the container engine (its log: ${DAEMON_LOG})`)
  await startDaemon()
  return untilRunning()
}

/** Recommended packages are left out: they would double what is installed. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' }
  await runCommand('apt-get', ['update', '-qq'], quiet)
  await runCommand('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet)
}

function hasDaemon(): boolean {
  return existsSync('/usr/sbin/dockerd') || existsSync('/usr/bin/dockerd')
}

/** In a container or a small virtual machine nothing supervises services, so the daemon is started directly. */
async function startDaemon(): Promise<void> {
  if (existsSync('/run/systemd/system')) {
    await runCommand('systemctl', ['start', 'docker'])
    return
  }
  const log = openSync(DAEMON_LOG, 'a')
  // Detached: the engine, with the brokers in it, stays when this command has ended.
  spawn('dockerd', [], { detached: true, stdio: ['ignore', log, log] }).unref()
}

async function untilRunning(): Promise<Engine> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const engine = await findEngine()
    if (engine !== undefined) return engine
    if (performance.now() > deadline)
      throw new BrokerSetupError(
        `The container engine did not start within ${START_TIMEOUT_MS / 1000} s; its log is ${DAEMON_LOG}.`,
      )
    await sleep(250)
  }
}
