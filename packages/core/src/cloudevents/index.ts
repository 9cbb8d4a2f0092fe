export { decodeJsonBatch, encodeJsonBatch } from './batch.ts'
export {
  AMQP_BINDING,
  amqpBinding,
  HTTP_BINDING,
  httpBinding,
  KAFKA_BINDING,
  kafkaBinding,
  NATS_BINDING,
  natsBinding,
  RABBITMQ_BINDING,
  rabbitmqBinding,
} from './bindings.ts'
export { BATCH_JSON, type ContentMode, contentMode, STRUCTURED_JSON } from './content-mode.ts'
export { type DataKind, defaultKind } from './content-type.ts'
export { dataKind, decodeData, decodeEvent } from './decode.ts'
export { encodeEvent } from './encode.ts'
export type { CloudEvent, CloudEventInput } from './event.ts'
export {
  type BoundMessage,
  type HeaderBinding,
  headerBinding,
  type IncomingMessage,
} from './header-binding.ts'
export type { HeaderBindingOptions } from './header-names.ts'
export { percentDecode, percentDecodeLenient, percentEncode } from './percent-encoding.ts'
export { decodeStructured, encodeStructured } from './structured.ts'
export { assertValidEnvelope, validateAttributes } from './validate.ts'
