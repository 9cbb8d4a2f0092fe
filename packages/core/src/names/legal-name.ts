import { BusError, type Issue } from '../errors/bus-error.ts'

/** What a user names. Each is one or more segments `[A-Za-z0-9-]+` joined by dots. */
export type NamedThing = 'topic' | 'group' | 'prefix'

/** Characters, at most. Together with the kind they still fit a readable name on every broker but SQS. */
export const NAME_LIMITS: Readonly<Record<NamedThing, number>> = { topic: 120, group: 60, prefix: 40 }

/** `_` is not in it: core builds its own separators of it. */
const LEGAL = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/

/** What is wrong with a name, or undefined. @param field where it stands. Default the kind of thing. */
export function nameIssue(thing: NamedThing, name: unknown, field: string = thing): Issue | undefined {
  if (typeof name === 'string' && name.length <= NAME_LIMITS[thing] && LEGAL.test(name)) return undefined
  const remedy = `use segments of letters, digits and '-' joined by '.', ${NAME_LIMITS[thing]} characters at most`
  if (typeof name !== 'string') return { field, problem: `a ${thing} name is a string`, remedy }
  if (name.length > NAME_LIMITS[thing])
    return { field, problem: `a name of ${name.length} characters`, remedy }
  return { field, problem: `${JSON.stringify(name)} is not a legal ${thing} name`, remedy }
}

/** @throws BusError ILLEGAL_NAME */
export function checkTopicName(name: unknown, field?: string): asserts name is string {
  check('topic', name, field)
}

/** @throws BusError ILLEGAL_NAME */
export function checkGroupName(name: unknown, field?: string): asserts name is string {
  check('group', name, field)
}

/** The empty prefix is legal: there is none. @throws BusError ILLEGAL_NAME */
export function checkPrefix(name: unknown, field?: string): asserts name is string {
  if (name !== '') check('prefix', name, field)
}

function check(thing: NamedThing, name: unknown, field?: string): void {
  const issue = nameIssue(thing, name, field)
  if (issue !== undefined) throw illegalName(issue)
}

export function illegalName(issue: Issue): BusError {
  return new BusError('ILLEGAL_NAME', `${issue.field}: ${issue.problem}`, {
    field: issue.field,
    ...(issue.remedy === undefined ? {} : { remedy: issue.remedy }),
  })
}
