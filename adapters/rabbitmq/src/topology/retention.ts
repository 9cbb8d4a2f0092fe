import { BusError, type TopicSpec } from '@busbar/core/adapter'

/**
 * A queue keeps an event until it is settled, and nothing after: there is no log whose age or size could be set, and a queue's own
 * limits drop what nobody has handled yet.
 * @throws BusError CAPABILITY_UNSUPPORTED for a topic that declares a retention.
 */
export function refuseRetention({ topic, retention }: TopicSpec): void {
  if (retention === undefined) return
  throw new BusError(
    'CAPABILITY_UNSUPPORTED',
    `topic "${topic}" declares a retention, and RabbitMQ's queues have none`,
    {
      field: 'retention',
      remedy: 'leave it out: events stay until every group has settled them',
    },
  )
}
