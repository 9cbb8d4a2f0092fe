export { redis } from './adapter.ts'
export type { RedisCredentials, RedisNode, RedisOptions, RedisRetention, RedisTls } from './options.ts'
export { adapterFromUrl } from './url.ts'
