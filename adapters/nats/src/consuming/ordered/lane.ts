import type { Names } from '../../names.ts'

/** What one member of an ordered group reads at a time: a partition, with the group's redrives to it. */
export interface Lane {
  /** The partition's number, or `plain` for what other clients publish on the topic's own subject. */
  readonly id: string
  readonly subject: string
  /** Where redrives of its keys arrive; absent where there are none. */
  readonly inbox?: string
  readonly consumer: string
}

/** @param address the topic's subject where it has one of its own: it has no partitions then. */
export function lanesOf(
  names: Names,
  { topic, group, partitions }: { topic: string; group: string; partitions: number },
  address: string | undefined,
): Lane[] {
  const lane = (id: string, subject: string, inbox?: string): Lane => ({
    id,
    subject,
    consumer: names.laneConsumer(topic, group, id),
    ...(inbox === undefined ? {} : { inbox }),
  })
  const inbox = (partition: number) => names.laneInbox(topic, group, partition)
  if (address !== undefined || partitions === 1)
    return [lane('0', address ?? names.topicSubject(topic, 0, 1), inbox(0))]
  const keyed = Array.from({ length: partitions }, (_, partition) =>
    lane(String(partition), names.topicSubject(topic, partition, partitions), inbox(partition)),
  )
  return [...keyed, lane('plain', names.topicSubject(topic, 0, 1))]
}
