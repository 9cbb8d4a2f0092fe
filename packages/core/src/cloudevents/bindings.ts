import { type HeaderBinding, headerBinding } from './header-binding.ts'
import type { HeaderBindingOptions } from './header-names.ts'

/** HTTP protocol binding: `ce-` headers, percent-encoded, `Content-Type` for `datacontenttype`. */
export const HTTP_BINDING: HeaderBindingOptions = {
  prefix: 'ce-',
  contentType: { header: 'content-type' },
  dataContentType: 'content-type',
  values: 'percent',
  caseInsensitive: true,
  emptyBody: 'absent',
  foreignBytes: 'refuse',
  attributeBytes: 'utf8',
  unmarked: 'refuse',
}

/** NATS protocol binding (2.2 and later): as HTTP, but `Content-Type` only marks structured mode. */
export const NATS_BINDING: HeaderBindingOptions = {
  prefix: 'ce-',
  contentType: { header: 'Content-Type' },
  dataContentType: 'attribute',
  values: 'percent',
  caseInsensitive: true,
  emptyBody: 'absent',
  foreignBytes: 'refuse',
  attributeBytes: 'utf8',
  // sdk-go sends structured JSON over core NATS without any header.
  unmarked: 'structured',
}

/** Kafka protocol binding: `ce_` headers as UTF-8 bytes; a binary event without data is a null value, a tombstone. */
export const KAFKA_BINDING: HeaderBindingOptions = {
  prefix: 'ce_',
  contentType: { header: 'content-type' },
  dataContentType: 'content-type',
  values: 'plain',
  caseInsensitive: false,
  emptyBody: 'distinct',
  foreignBytes: 'text-if-utf8',
  attributeBytes: 'utf8',
  unmarked: 'refuse',
}

/** AMQP 1.0 protocol binding: application properties, with either separator; values of any AMQP type are read. */
export const AMQP_BINDING: HeaderBindingOptions = {
  prefix: 'cloudEvents_',
  alsoRead: ['cloudEvents:'],
  contentType: 'property',
  dataContentType: 'content-type',
  values: 'plain',
  caseInsensitive: false,
  emptyBody: 'absent',
  foreignBytes: 'keep',
  attributeBytes: 'utf8-or-base64',
  unmarked: 'refuse',
}

/** AMQP 0-9-1 as RabbitMQ speaks it: no official binding, so the 1.0 names in the headers table. */
export const RABBITMQ_BINDING: HeaderBindingOptions = {
  ...AMQP_BINDING,
  alsoRead: ['cloudEvents:', 'ce-'],
}

export const httpBinding: HeaderBinding = headerBinding(HTTP_BINDING)
export const natsBinding: HeaderBinding = headerBinding(NATS_BINDING)
export const kafkaBinding: HeaderBinding = headerBinding(KAFKA_BINDING)
export const amqpBinding: HeaderBinding = headerBinding(AMQP_BINDING)
export const rabbitmqBinding: HeaderBinding = headerBinding(RABBITMQ_BINDING)
