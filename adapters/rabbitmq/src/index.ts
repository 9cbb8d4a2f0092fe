export { rabbitmq } from './adapter.ts'
export type { RabbitmqOptions, TlsOptions, UsernamePassword } from './config/options.ts'
export { adapterFromUrl } from './config/url.ts'
