export { BusError, type ErrorCode, type Issue, isBusError, issuesError } from '../errors/index.ts'
export {
  compilePattern,
  isPattern,
  NAME_RULES,
  type NameKind,
  type NameParts,
  type NameRules,
  partitionOf,
  physicalName,
} from '../names/index.ts'
export * from './adapter.ts'
export * from './broker.ts'
export * from './capabilities.ts'
export * from './credentials.ts'
export * from './dead-letters.ts'
export * from './envelope.ts'
export * from './subscription.ts'
export * from './topology.ts'
