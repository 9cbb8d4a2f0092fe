import { isPattern, NAME_RULES, physicalName } from '@busbar/core/adapter'

const { natsStream, natsSubject } = NAME_RULES

/** All names of one prefix. Subjects begin with the topic, so that permissions and filters can be written by hand. */
export function namesFor(prefix: string) {
  const stream = (parts: Omit<Parameters<typeof physicalName>[1], 'prefix'>) =>
    physicalName(natsStream, { prefix, ...parts })
  const subject = (parts: Omit<Parameters<typeof physicalName>[1], 'prefix'>) =>
    physicalName(natsSubject, { prefix, ...parts })
  const sharedInbox = subject({ kind: 'inbox' })
  const requests = subject({ kind: 'request' })
  const replies = subject({ kind: 'reply' })
  const state = subject({ kind: 'state' })
  const topicPrefix = prefix === '' ? '' : `${prefix}.__.`
  return {
    topicStream: (topic: string) => stream({ kind: 'topic', topic }),
    /** The stream behind a group of several topics: it draws from each of theirs. */
    patternStream: (pattern: string, group: string) => stream({ kind: 'queue', topic: pattern, group }),
    broadcastStream: (pattern: string, id: string) =>
      stream({ kind: 'queue', topic: pattern, qualifier: id }),
    deadStream: (topic: string) => stream({ kind: 'dead', topic }),
    stateStream: stream({ kind: 'state' }),
    durable: (topic: string, group: string) =>
      physicalName(natsStream, { prefix: '', kind: 'queue', topic, group }),
    /** Reads one lane of an ordered group: a partition, or what came without one. */
    laneConsumer: (topic: string, group: string, lane: string) =>
      physicalName(natsStream, {
        prefix: '',
        kind: 'queue',
        topic,
        group,
        ...(/^\d+$/.test(lane) ? { partition: Number(lane) } : { qualifier: lane }),
      }),
    ephemeral: (id: string) => physicalName(natsStream, { prefix: '', kind: 'queue', qualifier: id }),

    /** Where a topic's events are published; partition 0 of an unpartitioned topic is the topic's plain name. */
    topicSubject: (topic: string, partition: number, partitions: number) =>
      partitions === 1 ? subject({ kind: 'topic', topic }) : subject({ kind: 'topic', topic, partition }),
    topicSubjects: (topic: string) => [
      subject({ kind: 'topic', topic }),
      `${subject({ kind: 'topic', topic })}._.topic.*`,
      `${subject({ kind: 'inbox', topic })}.>`,
    ],
    inboxSubject: (topic: string, group: string) => `${subject({ kind: 'inbox', topic })}.${group}`,
    /** Redrives of an ordered group, by partition: they must stay with the keys of theirs. */
    laneInbox: (topic: string, group: string, partition: number) =>
      `${subject({ kind: 'inbox', topic })}.${group}.${partition}`,
    laneInboxes: (topic: string, group: string) => `${subject({ kind: 'inbox', topic })}.${group}.*`,
    inboxBase: (topic: string) => `${subject({ kind: 'inbox', topic })}.`,
    patternInbox: (patternStream: string) => `${sharedInbox}.${patternStream}`,
    patternInboxes: `${sharedInbox}.*`,
    deadSubject: (topic: string, group: string) => `${subject({ kind: 'dead', topic })}.${group}`,
    deadSubjects: (topic: string) => `${subject({ kind: 'dead', topic })}.>`,
    stateSubject: (durable: string, sequence: number) => `${state}.r.${durable}.${sequence}`,
    stateSubjectsOf: (durable: string) => `${state}.r.${durable}.*`,
    claimSubject: (durable: string, lane: string) => `${state}.claim.${durable}.${lane}`,
    /** Where members of an ordered group hear of each other; not stored. */
    membersSubject: (durable: string) => `${state}.members.${durable}`,
    stateSubjects: [`${state}.r.>`, `${state}.claim.>`],

    /** A pattern's wildcards become the subject's; `**` only where it ends the pattern. */
    requestSubject: (topic: string) =>
      `${requests}.${isPattern(topic) ? topic.replace(/\*\*$/, '>') : topic}`,
    requestTopic: (subjectName: string) => subjectName.slice(requests.length + 1),
    replyNamespace: (inboxPrefix: string) => `${inboxPrefix}.${replies}.`,

    /** The topic of an event's subject; undefined for what is no topic of this prefix. */
    topicOf(subjectName: string): string | undefined {
      if (!subjectName.startsWith(topicPrefix)) return undefined
      const own = subjectName.slice(topicPrefix.length)
      const end = own.indexOf('._')
      return end === -1 ? own : own.slice(0, end)
    },
    topicsFilter: `${topicPrefix}>`,
  }
}

export type Names = ReturnType<typeof namesFor>
