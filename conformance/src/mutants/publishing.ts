import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import {
  alterBroker,
  alterMessages,
  alterPublish,
  alterResults,
  CONFIRMED,
  withhold,
} from '../wrap/broker.ts'

const isEvent = (message: Outgoing) => message.to.kind === 'topic'

export const publishingMutants: readonly Mutant[] = [
  {
    id: 'publish-confirms-before-storing',
    bug: 'publish resolves when the message is buffered, and stores it later',
    seen: 'amqplib#191',
    adapter: adapter =>
      alterPublish(adapter, (publish, { clock }) => async batch => {
        if (!batch.every(isEvent)) return publish(batch)
        clock.setTimer(5, () => void publish(batch))
        return batch.map(() => CONFIRMED)
      }),
  },
  {
    id: 'publish-loses-every-seventh',
    bug: 'every seventh event is confirmed and never stored',
    seen: 'spring-kafka#4505',
    adapter: adapter => {
      let count = 0
      return withhold(adapter, message => isEvent(message) && ++count % 7 === 0)
    },
  },
  {
    id: 'publish-unknown-as-confirmed',
    bug: 'a publish whose confirmation never came is reported as confirmed',
    seen: 'amqplib#530',
    adapter: adapter =>
      alterResults(adapter, results =>
        results.map(result => (result.status === 'unknown' ? CONFIRMED : result)),
      ),
  },
  {
    id: 'publish-refused-as-confirmed',
    bug: 'a publish that the broker refused is reported as confirmed',
    adapter: adapter =>
      alterResults(adapter, results =>
        results.map(result => (result.status === 'failed' ? CONFIRMED : result)),
      ),
  },
  {
    id: 'publish-stores-twice',
    bug: 'every event is sent a second time, without its dedupe id',
    seen: 'ioredis autoResendUnfulfilledCommands',
    adapter: adapter =>
      alterPublish(adapter, publish => async batch => {
        const results = await publish(batch)
        await publish(batch.filter(isEvent).map(({ dedupeId: _, ...message }) => message))
        return results
      }),
  },
  {
    id: 'publish-hangs-on-lost-confirm',
    bug: 'a publish pending when the link dies never settles',
    seen: 'amqplib#191',
    adapter: adapter =>
      alterPublish(adapter, publish => async batch => {
        const results = await publish(batch)
        return results.some(result => result.status === 'unknown') ? new Promise(() => {}) : results
      }),
  },
  {
    id: 'batch-results-shuffled',
    bug: 'the results of a batch come in another order than its entries',
    adapter: adapter => alterResults(adapter, results => results.toReversed()),
  },
  {
    id: 'batch-one-fails-all',
    bug: 'one refused entry makes the whole batch fail, though the others were stored',
    adapter: adapter =>
      alterResults(adapter, results => {
        const failed = results.find(result => result.status === 'failed')
        return failed === undefined ? results : results.map(() => failed)
      }),
  },
  {
    id: 'batch-hides-failure',
    bug: 'a batch counts as confirmed when any of its entries was',
    seen: 'aws partial batch failures',
    adapter: adapter =>
      alterResults(adapter, results => {
        const confirmed = results.find(result => result.status === 'confirmed')
        return confirmed === undefined ? results : results.map(() => confirmed)
      }),
  },
  {
    id: 'batch-tail-dropped',
    bug: 'only the first ten entries of a batch are sent (SQS takes no more), all are confirmed',
    adapter: adapter =>
      alterPublish(adapter, publish => async batch => {
        const sent = await publish(batch.slice(0, 10))
        return batch.map((_, at): PublishResult => sent[at] ?? CONFIRMED)
      }),
  },
  {
    id: 'batch-stored-backwards',
    bug: 'a batch is stored in reverse order',
    adapter: adapter =>
      alterPublish(adapter, publish => async batch => (await publish(batch.toReversed())).toReversed()),
  },
  {
    id: 'publish-batch-cut-off',
    bug: 'a batch of more than a hundred is never answered',
    adapter: adapter =>
      alterPublish(
        adapter,
        publish => batch => (batch.length > 100 ? new Promise(() => {}) : publish(batch)),
      ),
  },
  {
    id: 'delay-ignored',
    bug: 'a delayed publish is delivered at once',
    seen: 'saga-bus on Kafka',
    adapter: adapter => alterMessages(adapter, ({ notBefore: _, ...message }) => message),
  },
  {
    id: 'delay-early',
    bug: 'a delayed publish comes a tenth of its delay too early',
    seen: 'nats-server: 0.6 s early after a restart',
    adapter: adapter =>
      alterMessages(adapter, (message, { clock }) => {
        if (message.notBefore === undefined) return message
        const wait = message.notBefore - clock.now()
        return { ...message, notBefore: Math.floor(clock.now() + wait * 0.9) }
      }),
  },
  {
    id: 'delay-capped',
    bug: 'a delay above a quarter of an hour is cut to it (SQS DelaySeconds)',
    seen: 'saga-bus on SQS',
    adapter: adapter =>
      alterMessages(adapter, (message, { clock }) =>
        message.notBefore === undefined
          ? message
          : { ...message, notBefore: Math.min(message.notBefore, clock.now() + 900_000) },
      ),
  },
  {
    id: 'delayed-lost',
    bug: 'delayed publishes are confirmed and lost',
    adapter: adapter => withhold(adapter, message => message.notBefore !== undefined && isEvent(message)),
  },
  {
    id: 'must-route-ignored',
    bug: 'a publish that no group receives is confirmed although it had to be routed',
    adapter: adapter => alterMessages(adapter, ({ mustRoute: _, ...message }) => message),
  },
  {
    id: 'dedupe-missing',
    bug: 'a repeated publish is stored a second time',
    adapter: adapter => alterMessages(adapter, ({ dedupeId: _, ...message }) => message),
  },
  {
    id: 'dedupe-by-bare-id',
    bug: 'two events of the same id from different sources, or on different topics, count as one',
    seen: 'NATS Nats-Msg-Id, SQS FIFO',
    adapter: adapter =>
      alterMessages(adapter, message =>
        isEvent(message) && message.envelope.attributes.id !== undefined
          ? { ...message, dedupeId: message.envelope.attributes.id }
          : message,
      ),
  },
  {
    id: 'duplicate-not-told',
    bug: 'the receipt does not say that the broker already had the event',
    adapter: adapter =>
      alterResults(adapter, results =>
        results.map(result => (result.status === 'confirmed' ? { ...result, duplicate: false } : result)),
      ),
  },
  {
    id: 'duplicate-always-told',
    bug: 'every receipt claims that the broker already had the event',
    adapter: adapter =>
      alterResults(adapter, results =>
        results.map(result => (result.status === 'confirmed' ? { ...result, duplicate: true } : result)),
      ),
  },
  {
    id: 'position-missing',
    bug: 'the receipt does not tell the stored position',
    adapter: adapter =>
      alterResults(adapter, results =>
        results.map(({ ...result }) => {
          if (result.status === 'confirmed') delete (result as { position?: string }).position
          return result
        }),
      ),
  },
  {
    id: 'size-miscounted',
    bug: 'a message is measured as if each byte were written as a padded number, and refused far below the limit',
    adapter: adapter => alterBroker(adapter, broker => ({ sizeOf: message => broker.sizeOf(message) * 20 })),
  },
  {
    id: 'size-unlimited',
    bug: 'messages are not measured before they are sent; one that is too large fails its whole batch',
    seen: 'RabbitMQ closes the channel on a 20 MiB message',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        sizeOf: () => 1,
        publish: async batch =>
          batch.some(message => broker.sizeOf(message) > broker.limits.messageBytes)
            ? batch.map((): PublishResult => ({ status: 'unknown', cause: new Error('channel closed') }))
            : broker.publish(batch),
      })),
  },
  {
    id: 'body-cut-at-64k',
    bug: 'a body above 64 KiB is stored without its end',
    adapter: adapter =>
      alterMessages(adapter, message => ({
        ...message,
        envelope: { ...message.envelope, body: message.envelope.body?.subarray(0, 65_536) ?? null },
      })),
  },
]
