export { BROKER_NAMES, type BrokerName } from './catalogue.ts'
export { BrokerSetupError } from './setup-error.ts'
export { type StartOptions, startBroker } from './start-broker.ts'
export type { StartedBroker } from './started-broker.ts'
