const LONGEST = 2_000

/** An error in a report: what it says, its causes, and where in the case it was raised. */
export function failureReason(error: unknown): string {
  const reason = [describe(error), whereInCases(error)].filter(part => part !== undefined).join('\n')
  return reason.length > LONGEST ? `${reason.slice(0, LONGEST)}…` : reason
}

function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error)
  const text = `${error.name}: ${error.message}`
  return error.cause === undefined || depth > 3
    ? text
    : `${text}\n  caused by ${describe(error.cause, depth + 1)}`
}

function whereInCases(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const line = error.stack?.split('\n').find(frame => /[\\/]cases[\\/](?!support)/.test(frame))
  return line?.trim()
}
