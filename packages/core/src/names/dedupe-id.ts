import { hash } from 'node:crypto'

/**
 * What a message was sent for. Each retry and each redrive counts as a purpose of its own: a broker that had seen the
 * first publish would otherwise drop the copy.
 */
export type DedupePurpose = 'publish' | `retry-${number}` | `redrive-${number}` | 'dead'

/**
 * The id by which a broker drops a second copy of one message: 43 characters of `[A-Za-z0-9_-]`. A hash of all four,
 * because brokers compare bare ids per stream or queue, while an event's id is unique only within its source.
 */
export function dedupeId(topic: string, source: string, id: string, purpose: DedupePurpose): string {
  // Lengths in front: no two different inputs give the same text.
  return hash(
    'sha256',
    `${topic.length}.${source.length}.${id.length}.${topic}${source}${id}${purpose}`,
    'base64url',
  )
}
