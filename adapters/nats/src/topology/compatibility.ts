import type { Issue, TopicSpec } from '@busbar/core/adapter'
import { type ConsumerInfo, KIND, ORDERED, PARTITIONS, type StreamConfig, type StreamInfo } from './config.ts'

/** Why a topic cannot live in the stream that is there under its name. */
export function incompatibilities(
  info: StreamInfo | undefined,
  spec: TopicSpec,
  want: StreamConfig,
): Issue[] {
  if (info === undefined) return []
  const { config } = info
  const issues: Issue[] = []
  if (config.retention !== 'limits') {
    issues.push({
      field: `topics.${spec.topic}`,
      problem: `stream "${config.name}" has the retention "${config.retention}", which drops what one group has acknowledged`,
      remedy: 'use another name or prefix, or a stream with the retention "limits"',
    })
  }
  const missing = (want.subjects ?? []).filter(subject => config.subjects?.includes(subject) !== true)
  if (config.metadata?.[KIND] !== 'topic') {
    if (missing.length > 0)
      issues.push({
        field: `topics.${spec.topic}`,
        problem: `stream "${config.name}" is somebody else's: it does not take ${missing.join(', ')}`,
        remedy: 'use another name or prefix',
      })
    return issues
  }
  const differ = (field: 'ordered' | 'partitions', have: string | undefined) => {
    if (have === String(spec[field])) return
    issues.push({
      field: `topics.${spec.topic}.${field}`,
      problem: `is ${have ?? 'unknown'} on the broker, and ${spec[field]} here`,
      remedy: 'use the declaration it was created with, or another topic',
    })
  }
  differ('ordered', config.metadata[ORDERED])
  differ('partitions', config.metadata[PARTITIONS])
  return issues
}

/** What a group's consumer must be: [field, what it is, whether that will do, what it should be]. */
export function consumerRows({
  config,
}: ConsumerInfo): [field: string, actual: string, fits: boolean, wanted: string][] {
  const { ack_policy, max_deliver, max_ack_pending, deliver_subject, filter_subject, filter_subjects } =
    config
  const filter = [filter_subject, ...(filter_subjects ?? [])].filter(Boolean).join(' ')
  return [
    ['ack_policy', ack_policy, ack_policy === 'explicit', 'explicit'],
    ['deliver_subject', deliver_subject ?? 'none', deliver_subject === undefined, 'none'],
    // The server would skip what it has delivered that often.
    ['max_deliver', String(max_deliver), !(max_deliver > 0), '-1'],
    ['filter_subject', filter || 'none', filter === '', 'none'],
    // Waiting retries would hold up everything else.
    ['max_ack_pending', String(max_ack_pending), !((max_ack_pending ?? 0) > 0), '-1'],
  ]
}

/** Why a group cannot be read through the consumer that is there under its name. */
export const consumerIncompatibilities = (info: ConsumerInfo, group: string): Issue[] =>
  consumerRows(info)
    .filter(([, , fits]) => !fits)
    .map(([field, actual, , wanted]) => ({
      field: `group.${group}`,
      problem: `consumer "${info.name}" has ${field} ${actual}`,
      remedy: `delete or change the consumer (${field} ${wanted}), or use another group`,
    }))
