import { BusError, type ErrorCode, type Issue } from '@busbar/core'

export { BusError, type Issue } from '@busbar/core'

/** One error for all findings, a line each. */
export function issuesError(code: ErrorCode, issues: readonly Issue[]): BusError {
  const lines = issues.map(
    ({ field, problem, remedy }) => `${field}: ${problem}${remedy ? ` - ${remedy}` : ''}`,
  )
  const text = lines.length === 1 ? lines[0] : `${lines.length} problems\n  ${lines.join('\n  ')}`
  const field = issues[0]?.field
  return new BusError(code, `memory broker: ${text}`, { issues, ...(field === undefined ? {} : { field }) })
}
