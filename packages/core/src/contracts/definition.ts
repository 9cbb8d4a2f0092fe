import { attributeIssue, nameIssue as attributeNameIssue } from '../cloudevents/attributes.ts'
import { type Issue, issuesError } from '../errors/bus-error.ts'
import { nameIssue } from '../names/legal-name.ts'
import {
  any,
  custom,
  fn,
  milliseconds,
  object,
  oneOf,
  optionIssues,
  record,
  required,
  string,
} from '../options/index.ts'
import { retryIssues } from '../retry/policy.ts'
import { hasBrand } from './brand.ts'
import { EXTENSION_TYPES } from './extensions.ts'
import { isSchema } from './standard-schema.ts'
import type { Topic } from './topic.ts'

const FAILURE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/** Attributes of the specification; an extension cannot take their names. */
const CORE_ATTRIBUTES = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'subject',
  'time',
  'datacontenttype',
  'dataschema',
  'data',
])

/** Those that a contract sets. */
const ATTRIBUTES = ['dataschema', 'datacontenttype', 'source'] as const

const schema = custom('a schema of zod, valibot, arktype or another Standard Schema library', isSchema)

/** Its syntax is checked apart, an empty one included. */
const attribute = string({ min: 0 })

const eventSpec = object({
  topic: required(any()),
  data: schema,
  key: fn(),
  dataschema: attribute,
  datacontenttype: attribute,
  source: attribute,
  extensions: record(oneOf(EXTENSION_TYPES)),
  retry: any(),
})

const requestSpec = object({
  topic: required(any()),
  input: required(schema),
  output: required(schema),
  errors: record(schema),
  timeout: milliseconds({ min: 1 }),
})

/** @throws BusError INVALID_CONTRACT with all of them, if there are any. */
export function refuse(subject: string, problems: readonly Issue[]): void {
  if (problems.length > 0) throw issuesError('INVALID_CONTRACT', subject, problems)
}

/** Everything that is wrong with an event's definition. */
export function eventProblems(type: unknown, definition: unknown): readonly Issue[] {
  const problems = [...typeProblems(type), ...optionIssues(definition, eventSpec)]
  const fields = fieldsOf(definition)
  const { topic, key, extensions, retry } = fields
  for (const name of ATTRIBUTES) problems.push(...attributeProblems(name, fields[name]))
  problems.push(...topicProblems(topic))
  if (hasBrand(topic, 'topic') && (topic as Topic).ordered && key === undefined) {
    problems.push({
      field: 'key',
      problem: `is missing, and topic '${(topic as Topic).name}' is ordered`,
      remedy: 'pass a function that takes the key from data',
    })
  }
  for (const name of namesOf(extensions)) problems.push(...extensionProblems(name))
  if (retry !== undefined) problems.push(...retryIssues(retry))
  if (typeof retry === 'object' && retry !== null && 'budget' in retry && retry.budget !== undefined) {
    problems.push({
      field: 'retry.budget',
      problem: 'belongs to all retries of a subscription together',
      remedy: 'set it on the subscription or on the bus',
    })
  }
  return problems
}

/** Everything that is wrong with a request's definition. */
export function requestProblems(type: unknown, definition: unknown): readonly Issue[] {
  const problems = [...typeProblems(type), ...optionIssues(definition, requestSpec)]
  const { topic, errors } = fieldsOf(definition)
  problems.push(...topicProblems(topic))
  if (hasBrand(topic, 'topic') && (topic as Topic).ordered) {
    problems.push({
      field: 'topic',
      problem: `'${(topic as Topic).name}' is ordered, and requests have no order`,
      remedy: 'declare an unordered topic for requests',
    })
  }
  for (const name of namesOf(errors)) {
    if (!FAILURE_NAME.test(name)) {
      problems.push({
        field: `errors.${name}`,
        problem: 'is not a legal failure name',
        remedy: `use a letter, then letters, digits and '_', 64 characters at most`,
      })
    }
  }
  return problems
}

function typeProblems(type: unknown): readonly Issue[] {
  if (typeof type === 'string') return attributeProblems('type', type)
  return [
    { field: 'type', problem: 'is not a string', remedy: 'pass a name such as com.example.order.placed' },
  ]
}

/** What is wrong with a value that becomes an attribute; other kinds of values are reported by the option check. */
function attributeProblems(name: string, value: unknown): readonly Issue[] {
  if (typeof value !== 'string') return []
  const issue = attributeIssue(name, value)
  return issue === undefined ? [] : [issue]
}

function topicProblems(topic: unknown): readonly Issue[] {
  if (topic === undefined || hasBrand(topic, 'topic')) return []
  if (typeof topic !== 'string') {
    return [{ field: 'topic', problem: 'is not a topic', remedy: `pass topic('name') or a topic's name` }]
  }
  const issue = nameIssue('topic', topic)
  return issue === undefined ? [] : [issue]
}

function extensionProblems(name: string): readonly Issue[] {
  if (CORE_ATTRIBUTES.has(name)) {
    const problem = 'is an attribute of CloudEvents itself'
    return [{ field: `extensions.${name}`, problem, remedy: 'choose another name' }]
  }
  const issue = attributeNameIssue(name)
  return issue === undefined ? [] : [{ ...issue, field: `extensions.${name}` }]
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const namesOf = (value: unknown): readonly string[] => Object.keys(fieldsOf(value))
