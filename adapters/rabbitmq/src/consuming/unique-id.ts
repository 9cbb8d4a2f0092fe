import type { AdapterContext } from '@busbar/core/adapter'

/** Text that no other process makes, for names on the broker. */
export const uniqueId = ({ clock, random }: AdapterContext): string =>
  `${clock.now().toString(36)}-${Math.floor(random.next() * 2 ** 48).toString(36)}`
