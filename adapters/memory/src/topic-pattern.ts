/** Whether a subscription's topic has wildcards. */
export const isPattern = (topic: string): boolean => topic.includes('*')

/** A test for one pattern: `*` is one segment, `**` one or more. A topic without wildcards matches itself alone. */
export function topicMatcher(pattern: string): (topic: string) => boolean {
  if (!isPattern(pattern)) return topic => topic === pattern
  const parts = pattern.split('.')
  return topic => matches(parts, topic.split('.'))
}

/** Row by row over the pattern, so that no pattern takes more than its length times the topic's. */
function matches(parts: readonly string[], segments: readonly string[]): boolean {
  // reached[i]: the parts so far can match exactly the first i segments.
  let reached = [true, ...segments.map(() => false)]
  for (const part of parts) {
    const next = [false]
    for (const [i, segment] of segments.entries()) {
      const fits = part === '*' || part === '**' || part === segment
      next.push(fits && (reached[i] === true || (part === '**' && next[i] === true)))
    }
    reached = next
  }
  return reached[segments.length] === true
}
