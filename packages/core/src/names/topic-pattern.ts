import type { Issue } from '../errors/bus-error.ts'
import { illegalName, NAME_LIMITS, nameIssue } from './legal-name.ts'

const LEGAL_PATTERN = /^(?:[A-Za-z0-9-]+|\*\*?)(?:\.(?:[A-Za-z0-9-]+|\*\*?))*$/

/** Whether a subscription's topic names several: it has a `*` (one segment) or a `**` (one or more). */
export const isPattern = (name: string): boolean => name.includes('*')

/** What is wrong with a topic or a pattern of topics, or undefined. */
export function patternIssue(pattern: unknown, field = 'topic'): Issue | undefined {
  if (typeof pattern !== 'string' || !isPattern(pattern)) return nameIssue('topic', pattern, field)
  if (pattern.length <= NAME_LIMITS.topic && LEGAL_PATTERN.test(pattern)) return undefined
  return {
    field,
    problem: `${JSON.stringify(pattern)} is not a legal topic pattern`,
    remedy: `a wildcard stands for whole segments: '*' for one, '**' for one or more; ${NAME_LIMITS.topic} characters at most`,
  }
}

/** Accepts a topic's name as well. @throws BusError ILLEGAL_NAME */
export function checkPattern(pattern: unknown, field?: string): asserts pattern is string {
  const issue = patternIssue(pattern, field)
  if (issue !== undefined) throw illegalName(issue)
}

/** A test for whether a topic falls under a pattern. Compile once, call often. */
export function compilePattern(pattern: string): (topic: string) => boolean {
  if (!isPattern(pattern)) return topic => topic === pattern
  const parts = pattern.split('.')
  return topic => matchSegments(parts, topic.split('.'))
}

/** {@link compilePattern} for one use. */
export const matches = (pattern: string, topic: string): boolean => compilePattern(pattern)(topic)

/**
 * The greedy walk of shell globs, with a way back to the last `**` only: at most pattern times topic steps, where a
 * regular expression of several `**` could take exponentially many.
 */
function matchSegments(parts: readonly string[], segments: readonly string[]): boolean {
  let p = 0
  let s = 0
  let retryPart = -1
  let retrySegment = 0
  while (s < segments.length) {
    const part = parts[p]
    if (part === '**') {
      // One segment at least is its own.
      retryPart = ++p
      retrySegment = ++s
    } else if (part === '*' || (part !== undefined && part === segments[s])) {
      p++
      s++
    } else if (retryPart !== -1) {
      p = retryPart
      s = ++retrySegment
    } else {
      return false
    }
  }
  return p === parts.length
}
