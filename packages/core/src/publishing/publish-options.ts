import { any, array, boolean, custom, milliseconds, object, string } from '../options/index.ts'

const signal = custom('an AbortSignal', value => value instanceof AbortSignal)
const date = custom('a Date', value => value instanceof Date)
const header = custom(
  'a [name, value] pair of a string and a string or bytes',
  value =>
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === 'string' &&
    (typeof value[1] === 'string' || value[1] instanceof Uint8Array),
)
/** The contract sets these. */
const FIXED = ['specversion', 'type', 'datacontenttype', 'dataschema', 'data', 'data_base64']
const attributes = custom(
  `an object of attributes without ${FIXED.join(', ')}, which the contract sets`,
  value => typeof value === 'object' && value !== null && !FIXED.some(name => name in value),
)

export const publishOptionsSpec = object({
  delay: milliseconds(),
  notBefore: date,
  key: string(),
  mustRoute: boolean(),
  timeout: milliseconds({ min: 1 }),
  signal,
  headers: array(header),
  attributes,
})

export const requestOptionsSpec = object({
  timeout: milliseconds({ min: 1 }),
  signal,
  headers: array(header),
  attributes,
})

export const batchEntrySpec = object({
  contract: any(),
  data: any(),
  topic: any(),
  event: any(),
  options: any(),
})
