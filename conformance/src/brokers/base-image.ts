import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRootOnDebian } from './bare-debian.ts'
import { buildImage } from './build-image.ts'
import { type Engine, installPackages } from './engine.ts'
import { runCommand } from './run-command.ts'
import { BrokerSetupError } from './setup-error.ts'

export const BASE_IMAGE = 'busbar/base'
const RELEASE = 'trixie'
const RECIPE_LABEL = 'busbar.base'
const OWN_CERTIFICATES = '/usr/local/share/ca-certificates'

/**
 * Makes the image every stand-in is built from, unless it is there: stable Debian, trusting the certificate
 * authorities that this machine's administrator added, because package managers inside a build meet them too.
 * @throws BrokerSetupError where only an image registry could provide it.
 */
export async function ensureBaseImage(
  engine: Engine,
  directory: string,
  report: (line: string) => void,
): Promise<void> {
  const certificates = await ownCertificates()
  const recipe = await recipeOf(directory, certificates)
  if (await isBuilt(engine, recipe)) return
  if (!isRootOnDebian()) throw new BrokerSetupError('Images for brokers can be built as root on Debian only.')
  if (!existsSync('/usr/sbin/debootstrap')) {
    report('Installing debootstrap, which makes the base image')
    await installPackages(['debootstrap'])
  }
  const work = await mkdtemp(join(tmpdir(), 'busbar-base-'))
  try {
    report(`  ${BASE_IMAGE}  a minimal Debian ${RELEASE}, about 20 s`)
    await bootstrap(join(work, 'root'), certificates)
    const context = join(work, 'context')
    await runCommand('cp', ['-r', directory, context])
    await runCommand('tar', ['-C', join(work, 'root'), '-cf', join(context, 'root.tar'), '.'])
    await buildImage(engine, context, BASE_IMAGE, { [RECIPE_LABEL]: recipe }, report)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function bootstrap(root: string, certificates: readonly string[]): Promise<void> {
  await runCommand('debootstrap', ['--variant=minbase', '--include=ca-certificates', RELEASE, root])
  for (const name of certificates)
    await copyFile(join(OWN_CERTIFICATES, name), join(root, OWN_CERTIFICATES, name))
  await runCommand('chroot', [root, 'update-ca-certificates'])
  // Without it, packages of servers would start them during the build.
  const policy = join(root, 'usr/sbin/policy-rc.d')
  await writeFile(policy, '#!/bin/sh\nexit 101\n')
  await chmod(policy, 0o755)
}

async function ownCertificates(): Promise<string[]> {
  const names = existsSync(OWN_CERTIFICATES) ? await readdir(OWN_CERTIFICATES) : []
  return names.filter(name => name.endsWith('.crt')).sort()
}

async function recipeOf(directory: string, certificates: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(RELEASE)
  hash.update(await readFile(join(directory, 'Dockerfile')))
  for (const name of certificates) hash.update(await readFile(join(OWN_CERTIFICATES, name)))
  return hash.digest('hex').slice(0, 16)
}

async function isBuilt(engine: Engine, recipe: string): Promise<boolean> {
  try {
    const { Config } = await engine.container.dockerode.getImage(BASE_IMAGE).inspect()
    return Config.Labels?.[RECIPE_LABEL] === recipe
  } catch {
    return false
  }
}
