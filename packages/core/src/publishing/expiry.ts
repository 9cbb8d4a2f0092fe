/** `expirytime` as milliseconds since the epoch. */
export function expiryOf(attributes: Readonly<Record<string, string>>): number | undefined {
  const text = attributes.expirytime
  if (text === undefined) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}
