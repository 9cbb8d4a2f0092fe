import { LOGINS, type SecuredServer } from '../../../conformance/src/brokers/secured-visitors.ts'
import { rabbitmq } from '../src/index.ts'

const DIRECTORY = '/etc/rabbitmq/busbar'
const { friend, stranger } = LOGINS

/** TLS on a port of its own; users are made when the server runs. */
export const secured: SecuredServer = {
  port: 5671,
  options: ({ authority, server }, mutual) => ({
    files: {
      [`${DIRECTORY}/authority.pem`]: authority,
      [`${DIRECTORY}/cert.pem`]: server.cert,
      [`${DIRECTORY}/key.pem`]: server.key,
      '/etc/rabbitmq/conf.d/20-tls.conf': [
        'listeners.ssl.default = 5671',
        `ssl_options.cacertfile = ${DIRECTORY}/authority.pem`,
        `ssl_options.certfile = ${DIRECTORY}/cert.pem`,
        `ssl_options.keyfile = ${DIRECTORY}/key.pem`,
        `ssl_options.verify = ${mutual ? 'verify_peer' : 'verify_none'}`,
        `ssl_options.fail_if_no_peer_cert = ${mutual}`,
        '',
      ].join('\n'),
    },
  }),
  async prepare(broker) {
    for (const { user, password } of [friend, stranger])
      await broker.exec(['rabbitmqctl', 'add_user', user, password])
    await broker.exec(['rabbitmqctl', 'set_permissions', friend.user, '.*', '.*', '.*'])
    await broker.exec(['rabbitmqctl', 'set_permissions', stranger.user, '^$', '^$', '^$'])
  },
  adapter: ({ host, port, login, tls }) =>
    rabbitmq({
      url: `${tls === undefined ? 'amqp' : 'amqps'}://${host}:${port}`,
      ...(login === undefined ? {} : { credentials: { username: login.user, password: login.password } }),
      ...(tls === undefined ? {} : { tls: { ca: tls.authority, ...tls.identity } }),
    }),
}
