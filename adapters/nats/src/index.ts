export { nats } from './adapter.ts'
export type { NatsCredentials, NatsOptions, NatsRetention, NatsTls } from './options.ts'
export { adapterFromUrl } from './url.ts'
