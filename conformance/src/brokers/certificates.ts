import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'

/** PEM texts. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** What a server with TLS and its clients need, made anew for each run and of use to nobody else. */
export interface Certificates {
  /** Whom both sides trust. */
  readonly authority: string
  /** The server's, for the address 127.0.0.1 alone: by the name localhost it is somebody else's. */
  readonly server: Identity
  readonly client: Identity
  /** An authority that signed none of these. */
  readonly stranger: string
}

const KEY_BITS = 2_048
const VALID_DAYS = 2
const IP_ADDRESS = 7

export async function makeCertificates(): Promise<Certificates> {
  const [authorityKeys, serverKeys, clientKeys, strangerKeys] = await Promise.all([1, 2, 3, 4].map(keyPair))
  const authority = certificate('Busbar test authority', authorityKeys as Keys, undefined, AUTHORITY)
  const issuer = { name: authority.subject.attributes, key: (authorityKeys as Keys).privateKey }
  const stranger = certificate('A stranger', strangerKeys as Keys, undefined, AUTHORITY)
  const server = certificate('127.0.0.1', serverKeys as Keys, issuer, [
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [{ type: IP_ADDRESS, ip: '127.0.0.1' }] },
  ])
  const client = certificate('client', clientKeys as Keys, issuer, [
    { name: 'extKeyUsage', clientAuth: true },
  ])
  return {
    authority: forge.pki.certificateToPem(authority),
    server: identity(server, serverKeys as Keys),
    client: identity(client, clientKeys as Keys),
    stranger: forge.pki.certificateToPem(stranger),
  }
}

interface Keys {
  readonly publicKey: forge.pki.rsa.PublicKey
  readonly privateKey: forge.pki.rsa.PrivateKey
}

interface Issuer {
  readonly name: forge.pki.CertificateField[]
  readonly key: forge.pki.rsa.PrivateKey
}

const AUTHORITY = [
  { name: 'basicConstraints', cA: true, critical: true },
  { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
]

/** By the platform: the library's own, in JavaScript, take seconds. */
async function keyPair(): Promise<Keys> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  return {
    publicKey: forge.pki.publicKeyFromPem(publicKey) as forge.pki.rsa.PublicKey,
    privateKey: forge.pki.privateKeyFromPem(privateKey) as forge.pki.rsa.PrivateKey,
  }
}

let serial = 0

/** Signed by `issuer`, or by itself. */
function certificate(
  name: string,
  keys: Keys,
  issuer: Issuer | undefined,
  extensions: object[],
): forge.pki.Certificate {
  const made = forge.pki.createCertificate()
  made.publicKey = keys.publicKey
  made.serialNumber = (++serial).toString(16).padStart(2, '0')
  // A clock that is a little behind, in a container or elsewhere, must not find it too new.
  made.validity.notBefore = new Date(Date.now() - 3_600_000)
  made.validity.notAfter = new Date(Date.now() + VALID_DAYS * 86_400_000)
  const subject = [{ name: 'commonName', value: name }]
  made.setSubject(subject)
  made.setIssuer(issuer?.name ?? subject)
  made.setExtensions(extensions)
  made.sign(issuer?.key ?? keys.privateKey, forge.md.sha256.create())
  return made
}

function identity(cert: forge.pki.Certificate, { privateKey }: Keys): Identity {
  return { cert: forge.pki.certificateToPem(cert), key: forge.pki.privateKeyToPem(privateKey) }
}
