export {
  checkGroupName,
  checkPattern,
  checkTopicName,
  compilePattern,
  isPattern,
  matches,
} from '../names/index.ts'
export {
  type AnyEventContract,
  type EventContract,
  type EventDefinition,
  event,
  isEventContract,
} from './event.ts'
export {
  EXTENSION_TYPES,
  type ExtensionInputs,
  type ExtensionType,
  type ExtensionTypes,
  type ExtensionValues,
  extensionValue,
  readExtensions,
} from './extensions.ts'
export type {
  EventOf,
  ExtensionInputsOf,
  ExtensionsOf,
  FailuresOf,
  InputOf,
  OutputOf,
  RequestInput,
  RequestOutput,
  ResponseInput,
  ResponseOutput,
} from './infer.ts'
export {
  type AnyRequestContract,
  type FailureSchemas,
  isRequestContract,
  type RequestContract,
  type RequestDefinition,
  type RequestFailure,
  request,
} from './request.ts'
export { isSchema, type Schema, type Validation, validate } from './standard-schema.ts'
export { isTopic, type Topic, type TopicOptions, topic, toTopic } from './topic.ts'
