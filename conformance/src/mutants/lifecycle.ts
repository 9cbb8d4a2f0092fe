import type { Settlement } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterBroker, alterContext } from '../wrap/broker.ts'
import { overlay } from '../wrap/overlay.ts'
import { alterSettlements, alterSubscriptions, DONE } from '../wrap/subscription.ts'

const never = () => new Promise<never>(() => {})

export const lifecycleMutants: readonly Mutant[] = [
  {
    id: 'close-leaves-timer',
    bug: 'a timer of a closed connection goes on, and keeps the process alive',
    seen: 'Particular/NServiceBus.RabbitMQ#1268',
    adapter: adapter =>
      alterBroker(adapter, (broker, { clock }) => ({
        async close(options) {
          clock.setTimer(3_600_000, () => {})
          await broker.close(options)
        },
      })),
  },
  {
    id: 'close-leaves-subscription-timer',
    bug: 'closing a subscription leaves its renewal timer',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        subscription: {
          async close(options) {
            sides.context.clock.setTimer(3_600_000, () => {})
            await sides.subscription.close(options)
          },
        },
      })),
  },
  {
    id: 'close-hangs',
    bug: 'closing the connection never ends',
    seen: 'taskforcesh/bullmq#2430',
    adapter: adapter => alterBroker(adapter, () => ({ close: never })),
  },
  {
    id: 'close-hangs-when-down',
    bug: 'closing never ends while the broker is down',
    seen: 'Particular/NServiceBus.RabbitMQ#1268',
    adapter: adapter => {
      let down = false
      const noticing = alterContext(adapter, context => ({
        onState(state, cause) {
          down = state === 'reconnecting'
          context.onState(state, cause)
        },
      }))
      return alterBroker(noticing, broker => ({ close: options => (down ? never() : broker.close(options)) }))
    },
  },
  {
    id: 'close-acks-unsettled',
    bug: 'what is unsettled at close is acknowledged',
    seen: 'watermill#235',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        subscription: {
          async close(options) {
            sides.subscription.settle(
              [...sides.unsettled].map((delivery): Settlement => ({ kind: 'ack', delivery })),
            )
            await sides.subscription.flush(options)
            await sides.subscription.close(options)
          },
        },
        sink: { settled: (batch, result) => sides.sink.settled(batch, result) },
      })),
  },
  {
    id: 'stop-goes-on',
    bug: 'a stopped subscription goes on taking messages',
    adapter: adapter =>
      alterSubscriptions(adapter, () => ({ subscription: { stop: async () => {}, window: () => {} } })),
  },
  {
    id: 'stop-ends-settling',
    bug: 'after stop a running handler can no longer settle',
    seen: 'watermill#446',
    adapter: adapter => {
      let stopped = false
      return alterSettlements(
        alterSubscriptions(adapter, sides => ({
          subscription: {
            stop: options => {
              stopped = true
              return sides.subscription.stop(options)
            },
          },
        })),
        item => (stopped ? undefined : item),
      )
    },
  },
  {
    id: 'ack-buffer-lost-at-close',
    bug: 'acknowledgements wait in a buffer that neither flush nor close empties',
    seen: 'google/go-cloud#3543',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let buffer: Settlement[] = []
        let armed = false
        return {
          subscription: {
            settle(batch) {
              buffer.push(...batch.filter(item => item.kind === 'ack'))
              const others = batch.filter(item => item.kind !== 'ack')
              if (others.length > 0) sides.subscription.settle(others)
              const acks = batch.filter(item => item.kind === 'ack')
              if (acks.length > 0) queueMicrotask(() => sides.sink.settled(acks, DONE))
              if (armed) return
              armed = true
              sides.context.clock.setTimer(50, () => {
                armed = false
                sides.subscription.settle(buffer)
                buffer = []
              })
            },
            close: async options => {
              buffer = []
              await sides.subscription.close(options)
            },
          },
          sink: {
            settled(batch, result) {
              const known = batch.filter(item => item.kind !== 'ack')
              if (known.length > 0) sides.sink.settled(known, result)
            },
          },
        }
      }),
  },
  {
    id: 'reconnect-without-resubscribe',
    bug: 'after a reconnect a subscription gets nothing',
    seen: 'jhnns/rascal#118, MassTransit#2072',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let broken = false
        return {
          sink: {
            deliver: batch => (broken ? undefined : sides.sink.deliver(batch)),
            state(state, cause) {
              broken ||= state === 'reconnecting'
              sides.sink.state(state, cause)
            },
          },
        }
      }),
  },
  {
    id: 'reconnect-subscribes-twice',
    bug: 'after a reconnect every event is delivered twice',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let broken = false
        return {
          sink: {
            deliver(batch) {
              sides.sink.deliver(batch)
              if (broken) sides.sink.deliver(batch.map(delivery => overlay(delivery, {})))
            },
            state(state, cause) {
              broken ||= state === 'reconnecting'
              sides.sink.state(state, cause)
            },
          },
        }
      }),
  },
  {
    id: 'reconnect-keeps-deliveries',
    bug: 'deliveries of a broken link are still held to be ours',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        sink: { lost: what => (what === 'all' ? undefined : sides.sink.lost(what)) },
      })),
  },
  {
    id: 'reconnect-never',
    bug: 'publishing does not come back after a broken link',
    adapter: adapter => {
      let broken = false
      const noticing = alterContext(adapter, context => ({
        onState(state, cause) {
          broken ||= state === 'reconnecting'
          context.onState(state, cause)
        },
      }))
      return alterBroker(noticing, broker => ({
        publish: async batch =>
          broken
            ? batch.map(() => ({ status: 'unknown', cause: new Error('channel closed') }))
            : broker.publish(batch),
      }))
    },
  },
  {
    id: 'outage-hidden',
    bug: 'a broken link is not reported',
    seen: 'golevelup/nestjs#691',
    adapter: adapter =>
      alterSubscriptions(
        alterContext(adapter, context => ({
          onState: (state, cause) => (state === 'reconnecting' ? undefined : context.onState(state, cause)),
        })),
        sides => ({
          sink: {
            state: (state, cause) => (state === 'reconnecting' ? undefined : sides.sink.state(state, cause)),
          },
        }),
      ),
  },
  {
    id: 'outage-for-ever',
    bug: 'a link that came back is still reported as broken',
    adapter: adapter => {
      let broken = false
      return alterContext(adapter, context => ({
        onState(state, cause) {
          broken ||= state === 'reconnecting'
          if (!broken || state !== 'live') context.onState(state, cause)
        },
      }))
    },
  },
  {
    id: 'outage-kills-process',
    bug: 'a broken link leaves a rejection that nobody handles',
    seen: 'amqplib: an exception in a callback destroys the connection',
    adapter: adapter =>
      alterContext(adapter, context => ({
        onState(state, cause) {
          if (state === 'reconnecting') void Promise.reject(new Error('channel closed'))
          context.onState(state, cause)
        },
      })),
  },
  {
    id: 'noisy',
    bug: 'the adapter logs a warning for every connection',
    adapter: adapter =>
      alterContext(adapter, context => ({
        onState(state, cause) {
          context.logger.warn(`connection ${state}`)
          context.onState(state, cause)
        },
      })),
  },
]
