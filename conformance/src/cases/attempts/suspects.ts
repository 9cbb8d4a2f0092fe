import assert from 'node:assert/strict'
import type { BusSubscription, TypedDelivery } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { gate } from '../support/gate.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { quiet } from '../support/quiet.ts'
import { type Recorder, recorder } from '../support/recorder.ts'
import { after, atOnce, Failure } from '../support/retries.ts'

interface Victim {
  readonly recorder: Recorder
  readonly subscription: BusSubscription
  crash(): Promise<void>
}

/** @param hold keeps the handler at it until its member crashes, or is told to stop. */
type React = (delivery: TypedDelivery, hold: () => Promise<never>) => Promise<void>

/** A member that is to crash. Its handlers never end before that, or do what `react` says. */
async function victim(
  t: CaseContext,
  client: string,
  options: object,
  react: React = (_, hold) => hold(),
): Promise<Victim> {
  const bus = await t.bus({ client })
  const crashed = gate()
  const seen = recorder(delivery =>
    react(delivery, async () => {
      await crashed.passed(delivery.signal)
      throw new Failure('the process of this handler is gone')
    }),
  )
  const subscription = await bus.subscribe(
    'orders',
    { group: 'billing', lease: 2_000, prefetch: 12, concurrency: 4, ...options },
    seen.handler,
  )
  return {
    recorder: seen,
    subscription,
    async crash() {
      await t.faults.crash(client)
      // A real crash takes the handlers and the suspects in waiting along. Here they share a process with the next
      // member, and its suspects wait for theirs: what is left of the dead bus ends, and reaches nobody.
      crashed.open()
      await t.within(Promise.allSettled([bus.close()]), 'the dead bus to let go of the process')
    },
  }
}

/** Makes the group, so that it gets what is published next. */
async function makeGroup(t: CaseContext): Promise<void> {
  const bus = await t.bus()
  const subscription = await bus.subscribe('orders', { group: 'billing' }, () => {})
  await t.within(subscription.close(), 'the group to be made')
}

const neighboursSurvive: ConformanceCase = {
  id: 'attempts.crash-spares-neighbours@1',
  title:
    'An event that kills its consumer ends in the dead-letter queue, and none of those held beside it does',
  requires: ['subscribe.group', 'dead-letter.store'],
  faults: ['crash'],
  covers: [18, 42, 110],
  timeLimit: 60_000,
  async run(t) {
    const observer = await t.bus()
    await makeGroup(t)
    const innocent = ids('innocent', 9)
    await publishItems(observer, 'orders', ['killer', ...innocent])

    const handled = new Set<string>()
    let dead = 0
    // The first two crashes happen while all events are held, so that all of them are charged by the broker.
    for (let crash = 0; dead === 0 && crash < 12; crash++) {
      const client = `victim-${crash}`
      const member = await victim(t, client, { retry: atOnce(3) }, async (d, hold) => {
        if (d.event.id === 'killer' || crash < 2) await hold()
        handled.add(d.event.id)
      })
      const { recorder: seen, subscription } = member
      if (crash < 2) await t.until(() => subscription.stats.held === 10, 'all events to be held')
      await t.until(
        () =>
          seen.starts('killer') > 0 || subscription.stats.deadLettered > 0 || (crash < 2 && seen.running > 0),
        'the killer to start, or to be dead-lettered',
      )
      dead = subscription.stats.deadLettered
      if (dead === 0) await member.crash()
    }
    await t.until(() => handled.size === innocent.length, 'every innocent event to be handled')
    const letters = await deadLettered(t, observer, 'orders', 'billing')
    assert.deepEqual(
      letters.map(l => [l.event?.id, l.reason]),
      [['killer', 'crashed']],
    )
  },
}

const suspectFails: ConformanceCase = {
  id: 'attempts.suspect-that-fails@1',
  title:
    'An event above the limit by crashes alone gets one start on its own, and is dead-lettered if that fails',
  requires: ['subscribe.group', 'dead-letter.store'],
  faults: ['crash'],
  covers: [18],
  async run(t) {
    const observer = await t.bus()
    await makeGroup(t)
    await observer.publish('orders', item('a'))
    const retry = atOnce(2)
    for (const client of ids('victim', 2)) {
      const member = await victim(t, client, { retry })
      await t.until(() => member.recorder.running === 1, 'the event to be held')
      await member.crash()
    }
    const last = await victim(t, 'last', { retry }, async () => {
      throw new Failure('on its own too')
    })
    await t.until(() => last.subscription.stats.deadLettered === 1, 'the suspect to be dead-lettered')
    await quiet(t, observer, 'orders', [last])
    assert.equal(last.recorder.starts('a'), 1)
    const letters = await deadLettered(t, observer, 'orders', 'billing')
    assert.deepEqual(
      letters.map(l => [l.event?.id, l.reason]),
      [['a', 'attempts-exhausted']],
    )
  },
}

const suspectsRunAlone: ConformanceCase = {
  id: 'attempts.suspects-run-alone@1',
  title: 'While a suspect runs, nothing else of its process does, so that a crash charges nobody else',
  requires: ['subscribe.group'],
  faults: ['crash'],
  covers: [18],
  async run(t) {
    const observer = await t.bus()
    await makeGroup(t)
    const names = ids('order', 8)
    await publishItems(observer, 'orders', names)
    const retry = atOnce(2)
    for (const client of ids('victim', 2)) {
      const member = await victim(t, client, { retry })
      await t.until(() => member.subscription.stats.held === names.length, 'all events to be held')
      await member.crash()
    }
    const last = await victim(t, 'last', { retry }, async d => {
      await new Promise<void>(resolve => void t.clock.setTimer(20, resolve))
      assert.ok(!d.signal.aborted)
    })
    await t.until(() => last.recorder.done.length === names.length, 'every event to be handled')
    await quiet(t, observer, 'orders', [last])
    last.recorder.assertExactly(names)
    assert.equal(last.recorder.peak, 1, 'suspects ran side by side')
    assert.deepEqual(await observer.deadLetters('orders', 'billing').list(), [])
  },
}

const brokerCountIsNoVerdict: ConformanceCase = {
  id: 'attempts.broker-count-is-no-verdict@1',
  title:
    'However often an event was handed out before, it is handled once a member lives long enough to do so',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [18, 19],
  async run(t) {
    const observer = await t.bus({ client: 'observer' })
    await makeGroup(t)
    const names = ids('order', 4)
    await publishItems(observer, 'orders', names)
    let steady = false
    const member = await victim(
      t,
      'member',
      { retry: atOnce(2), prefetch: 4, concurrency: 4 },
      async (_, hold) => {
        if (!steady) await hold()
      },
    )
    for (const last of [false, true]) {
      await t.until(() => member.recorder.running === names.length, 'all events to be running')
      await t.faults.cut('member')
      await t.until(() => member.recorder.running === 0, 'the handlers to be told')
      steady = last
      await t.faults.heal('member')
    }
    await t.until(() => new Set(member.recorder.done).size === names.length, 'every event to be handled')
    assert.deepEqual(await observer.deadLetters('orders', 'billing').list(), [])
  },
}

const failuresAndCrashes: ConformanceCase = {
  id: 'attempts.failures-add-up-across-crashes@1',
  title: 'Recorded failures still count after a crash: the limit is reached by failures, and is said to be',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  faults: ['crash'],
  covers: [18, 19, 42],
  async run(t) {
    const observer = await t.bus()
    await makeGroup(t)
    await observer.publish('orders', item('a'))
    const retry = after(6, 200)
    const failing = await victim(t, 'first', { retry }, async () => {
      throw new Failure('here')
    })
    const { subscription } = failing
    // Settled as well as decided: a crash between the copy and its ack leaves both, as it may.
    await t.until(() => subscription.stats.retried === 3 && subscription.stats.held === 0, 'three failures')
    await t.until(
      async () => (await observer.queueStats('orders', 'billing')).delayed !== 0,
      'the third retry to be stored',
    )
    await failing.crash()
    const last = await victim(t, 'last', { retry }, async () => {
      throw new Failure('there')
    })
    await t.until(() => last.subscription.stats.deadLettered === 1, 'the limit')
    assert.ok(last.recorder.starts('a') <= 3, `${last.recorder.starts('a')} further starts`)
    const [letter] = await deadLettered(t, observer, 'orders', 'billing')
    assert.equal(letter?.reason, 'attempts-exhausted')
    assert.ok((letter?.attempts ?? 0) <= 6)
  },
}

export const suspectCases: readonly ConformanceCase[] = [
  neighboursSurvive,
  suspectFails,
  suspectsRunAlone,
  brokerCountIsNoVerdict,
  failuresAndCrashes,
]
