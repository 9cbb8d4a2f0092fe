import { META, type Outgoing } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import {
  alterBroker,
  alterContext,
  alterMessages,
  alterPublish,
  alterResults,
  CONFIRMED,
  withhold,
} from '../wrap/broker.ts'
import { overlay } from '../wrap/overlay.ts'
import { alterDeliveries, alterSpecs } from '../wrap/subscription.ts'

const isRequest = (message: Outgoing) => message.to.kind === 'request'
const isReply = (message: Outgoing) => message.to.kind === 'reply'

export const requestMutants: readonly Mutant[] = [
  {
    id: 'replies-by-latest',
    bug: 'a reply answers the latest request, whichever it was made for',
    adapter: adapter => {
      let latest: string | undefined
      const noting = alterMessages(adapter, message => {
        if (isRequest(message)) latest = message.requestId
        return message
      })
      return alterBroker(noting, broker => ({
        replies: deliver =>
          (broker.replies as NonNullable<typeof broker.replies>)(reply =>
            deliver(overlay(reply, latest === undefined ? {} : { requestId: latest })),
          ),
      }))
    },
  },
  {
    id: 'reply-correlation-lost',
    bug: 'a reply does not say which request it answers',
    adapter: adapter =>
      alterMessages(adapter, message => {
        if (!isReply(message)) return message
        const { requestId: _, ...rest } = message
        return rest
      }),
  },
  {
    id: 'replies-lost',
    bug: 'replies are confirmed and never sent',
    adapter: adapter => withhold(adapter, isReply),
  },
  {
    id: 'replies-twice',
    bug: 'every reply arrives twice',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        replies: deliver =>
          (broker.replies as NonNullable<typeof broker.replies>)(reply => {
            deliver(reply)
            deliver(overlay(reply, {}))
          }),
      })),
  },
  {
    id: 'reply-status-lost',
    bug: 'an answer with an error looks like a success',
    adapter: adapter =>
      alterMessages(adapter, message =>
        isReply(message)
          ? {
              ...message,
              envelope: { ...message.envelope, meta: { ...message.envelope.meta, [META.replyStatus]: 'ok' } },
            }
          : message,
      ),
  },
  {
    id: 'reply-headers-lost',
    bug: 'foreign headers of a request are not carried',
    adapter: adapter =>
      alterMessages(adapter, message =>
        isRequest(message) ? { ...message, envelope: { ...message.envelope, headers: [] } } : message,
      ),
  },
  {
    id: 'request-to-every-member',
    bug: 'every member of a responding group gets every request',
    seen: 'nestjs/nest#10483',
    adapter: adapter =>
      alterSpecs(adapter, (spec, { clientName }) =>
        spec.kind === 'requests' ? { ...spec, group: `${spec.group ?? ''}-${clientName}` } : spec,
      ),
  },
  {
    id: 'request-twice',
    bug: 'every request is delivered twice',
    adapter: adapter =>
      alterPublish(adapter, publish => async batch => {
        const results = await publish(batch)
        await publish(batch.filter(isRequest).map(({ dedupeId: _, ...message }) => message))
        return results
      }),
  },
  {
    id: 'request-to-nobody-waits',
    bug: 'a request that nobody answers runs into its timeout',
    adapter: adapter =>
      alterResults(adapter, (results, batch) =>
        results.map((result, at) =>
          batch[at]?.to.kind === 'request' && result.status === 'failed' ? CONFIRMED : result,
        ),
      ),
  },
  {
    id: 'request-as-event',
    bug: 'requests are published on the topic, where event handlers get them too',
    adapter: adapter =>
      alterPublish(adapter, publish => async batch => {
        const events = batch.flatMap((message): Outgoing[] =>
          message.to.kind === 'request'
            ? [{ to: { kind: 'topic', topic: message.to.topic, partition: 0 }, envelope: message.envelope }]
            : [],
        )
        if (events.length > 0) await publish(events)
        return publish(batch)
      }),
  },
  {
    id: 'request-expiry-ignored',
    bug: 'a request is handled although its requester gave up',
    adapter: adapter => {
      const immortal = alterMessages(adapter, message => {
        if (!isRequest(message)) return message
        const { expiresAt: _, ...rest } = message
        const { expirytime: __, ...attributes } = message.envelope.attributes
        return { ...rest, envelope: { ...message.envelope, attributes } }
      })
      return immortal
    },
  },
  {
    id: 'reply-inbox-lost-on-reconnect',
    bug: 'after a reconnect replies no longer arrive',
    seen: 'nestjs/nest#17671',
    adapter: adapter => {
      let broken = false
      const noticing = alterContext(adapter, context => ({
        onState(state, cause) {
          if (state === 'reconnecting') broken = true
          context.onState(state, cause)
        },
      }))
      return alterBroker(noticing, broker => ({
        replies: deliver =>
          (broker.replies as NonNullable<typeof broker.replies>)(reply => {
            if (!broken) deliver(reply)
          }),
      }))
    },
  },
  {
    id: 'expiry-ignored',
    bug: 'an expired event is handled',
    adapter: adapter =>
      alterDeliveries(
        alterMessages(adapter, ({ expiresAt: _, ...message }) => message),
        ({ envelope }) => {
          if (envelope === null) return {}
          const { expirytime: _, ...attributes } = envelope.attributes
          return { envelope: { ...envelope, attributes } }
        },
      ),
  },
  {
    id: 'expiry-drops-all',
    bug: 'every event with an expiry is dropped, expired or not',
    adapter: adapter =>
      withhold(adapter, message => message.to.kind === 'topic' && message.expiresAt !== undefined),
  },
]
