import { expect, it } from 'vitest'
import { contentMode, defaultKind } from '../../src/cloudevents/index.ts'

it.each([
  [undefined, 'binary'],
  ['', 'binary'],
  ['application/json', 'binary'],
  ['application/cloudevent', 'binary'],
  ['text/application/cloudevents+json', 'binary'],
  ['application/cloudevents', 'structured'],
  ['application/cloudevents+json', 'structured'],
  ['APPLICATION/CloudEvents+JSON;charset=UTF-8', 'structured'],
  ['application/cloudevents+protobuf', 'structured'],
  ['application/cloudevents-batch+json', 'batch'],
  ['application/CLOUDEVENTS-BATCH+json; charset=utf-8', 'batch'],
] as const)('content type %s means %s mode', (contentType, mode) => {
  expect(contentMode(contentType)).toBe(mode)
})

it.each([
  [undefined, 'json'],
  ['text/json', 'json'],
  ['application/json; charset=utf-16', 'json'],
  ['application/ld+json;profile="x"', 'json'],
  ['text/csv', 'text'],
  ['application/yaml', 'text'],
  ['text/plain; charset=us-ascii', 'text'],
  ['text/plain; charset=windows-1252', 'binary'],
  ['application/jsonx', 'binary'],
  ['application/octet-stream', 'binary'],
  ['nonsense', 'binary'],
] as const)('data of type %s is %s', (contentType, kind) => {
  expect(defaultKind(contentType)).toBe(kind)
})
