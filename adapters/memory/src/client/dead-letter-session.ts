import type { DeadItem, DeadLetterSession, SettlementResult } from '@busbar/core/adapter'
import { copyOf } from '../bytes.ts'
import type { DeadLetter, DeadLetters } from '../server/dead-letters.ts'
import type { Link } from './link.ts'

/** What the caller gets: a copy whose body is its own. */
function shown({ id, topic, key, envelope, meta }: DeadLetter): DeadItem {
  const body = envelope.body === null ? null : copyOf(envelope.body)
  return { id, topic, envelope: { ...envelope, body }, meta, ...(key === undefined ? {} : { key }) }
}

/** A walk over what was stored when it was opened; what others remove meanwhile is left out. */
export function deadLetterSession(link: Link, store: DeadLetters): DeadLetterSession {
  const snapshot = store.snapshot()
  let at = 0
  return {
    next: count =>
      link.call(() => {
        const items: DeadItem[] = []
        for (; items.length < count && at < snapshot.length; at++) {
          const letter = snapshot[at] as DeadLetter
          if (store.has(letter.id)) items.push(shown(letter))
        }
        return items
      }),
    remove: items =>
      link.call(() =>
        items.map(
          ({ id }): SettlementResult =>
            store.remove(id) ? { status: 'done' } : { status: 'lost', copied: false },
        ),
      ),
    async [Symbol.asyncDispose]() {},
  }
}
