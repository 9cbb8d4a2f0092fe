/** Resolves once `condition` holds, looked at every 20 ms; rejects after `limit` milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limit = 20_000,
): Promise<void> {
  const end = Date.now() + limit
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${limit} ms`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
