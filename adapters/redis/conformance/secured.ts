import { LOGINS, type SecuredServer } from '../../../conformance/src/brokers/secured-visitors.ts'
import { redis } from '../src/index.ts'

const DIRECTORY = '/etc/busbar'
const { friend, stranger } = LOGINS

/** TLS on a port of its own. The default user may still come in without a password: the probe does. */
export const secured: SecuredServer = {
  port: 6380,
  options: ({ authority, server }, mutual) => ({
    files: {
      [`${DIRECTORY}/authority.pem`]: authority,
      [`${DIRECTORY}/cert.pem`]: server.cert,
      [`${DIRECTORY}/key.pem`]: server.key,
    },
    extraArguments: [
      ...['--tls-port', '6380', '--tls-auth-clients', mutual ? 'yes' : 'no'],
      ...['--tls-ca-cert-file', `${DIRECTORY}/authority.pem`],
      ...['--tls-cert-file', `${DIRECTORY}/cert.pem`, '--tls-key-file', `${DIRECTORY}/key.pem`],
      ...['--user', friend.user, 'on', `>${friend.password}`, '~*', '&*', '+@all'],
      ...['--user', stranger.user, 'on', `>${stranger.password}`, '+@connection'],
    ],
  }),
  adapter: ({ host, port, login, tls }) =>
    redis({
      host,
      port,
      ...(login === undefined ? {} : { credentials: { username: login.user, password: login.password } }),
      ...(tls === undefined ? {} : { tls: { ca: tls.authority, ...tls.identity } }),
    }),
}
