/** Whether a subscription's topic has wildcards. */
export const isPattern = (topic: string): boolean => topic.includes('*')

/** A test for one pattern: `*` is one segment, `**` one or more. A topic without wildcards matches itself alone. */
export function topicMatcher(pattern: string): (topic: string) => boolean {
  if (!isPattern(pattern)) return topic => topic === pattern
  const expression = pattern
    .split('.')
    .map(segment => (segment === '**' ? '.+' : segment === '*' ? '[^.]+' : segment))
    .join('\\.')
  const compiled = new RegExp(`^${expression}$`)
  return topic => compiled.test(topic)
}
