import { LOGINS, type SecuredServer } from '../../../conformance/src/brokers/secured-visitors.ts'
import { nats } from '../src/index.ts'

const DIRECTORY = '/etc/busbar'
const { friend, stranger } = LOGINS

/** One port, which upgrades to TLS after the server's first line. */
export const secured: SecuredServer = {
  port: 4222,
  options: ({ authority, server }, mutual) => ({
    files: {
      [`${DIRECTORY}/authority.pem`]: authority,
      [`${DIRECTORY}/cert.pem`]: server.cert,
      [`${DIRECTORY}/key.pem`]: server.key,
      [`${DIRECTORY}/nats.conf`]: `
tls { cert_file: "${DIRECTORY}/cert.pem", key_file: "${DIRECTORY}/key.pem", ca_file: "${DIRECTORY}/authority.pem", verify: ${mutual} }
authorization {
  users: [
    { user: ${friend.user}, password: "${friend.password}" }
    { user: ${stranger.user}, password: "${stranger.password}", permissions: { publish: { deny: ">" }, subscribe: { deny: ">" } } }
  ]
}
`,
    },
    extraArguments: ['-c', `${DIRECTORY}/nats.conf`],
  }),
  adapter: ({ host, port, login, tls }) =>
    nats({
      servers: `${host}:${port}`,
      ...(login === undefined ? {} : { credentials: login }),
      ...(tls === undefined ? {} : { tls: { ca: tls.authority, ...tls.identity } }),
    }),
}
