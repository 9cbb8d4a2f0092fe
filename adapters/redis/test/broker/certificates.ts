import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificates {
  readonly ca: string
  /** For `localhost` and 127.0.0.1. */
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
  /** An authority that signed none of them. */
  readonly stranger: string
}

/** An authority of its own and what it signed, made with openssl and valid for a day. */
export async function makeCertificates(): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), 'busbar-redis-tls-'))
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir })
  const read = (name: string) => readFile(join(dir, name), 'utf8')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = async (name: string) => {
    const subject = ['-subj', `/CN=${name}`, '-days', '1']
    await openssl('req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.pem`, ...subject)
    return read(`${name}.pem`)
  }
  const signed = async (name: string, names: string) => {
    await openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    await writeFile(join(dir, `${name}.ext`), `subjectAltName=${names}\n`)
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1']
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-extfile',
      `${name}.ext`,
      ...by,
    )
    return { cert: await read(`${name}.pem`), key: await read(`${name}.key`) }
  }
  try {
    const ca = await authority('ca')
    return {
      ca,
      server: await signed('server', 'DNS:localhost,IP:127.0.0.1'),
      client: await signed('client', 'DNS:client'),
      stranger: await authority('stranger'),
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
