import type { Delivery, Outgoing } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { ack, consume, message, never, text, World } from '../harness.ts'

const request = (more: Partial<Outgoing> = {}) => message('?', { kind: 'request', topic: 'pricing' }, more)
const responder = { kind: 'requests', topic: 'pricing', group: 'pricing' } as const

async function start() {
  const world = new World()
  const { broker } = await world.connect('caller')
  const replies: Delivery[] = []
  const inbox = await broker.replies?.(reply => replies.push(reply))
  if (inbox === undefined) throw new Error('no replies')
  return { world, broker, replies, inbox }
}

describe('requests', () => {
  it('go to one member of each group, and the reply to its inbox', async () => {
    const { world, broker, replies, inbox } = await start()
    const members = [await consume(broker, responder), await consume(broker, responder)]
    const audit = await consume(broker, { ...responder, group: 'audit' })
    const asked = { replyTo: inbox.address, requestId: 'r1' }
    expect(await broker.publish([request(asked)])).toEqual([{ status: 'confirmed' }])
    await world.settle()
    expect(members.map(m => m.got.length).sort()).toEqual([0, 1])
    expect(audit.last()).toMatchObject({ topic: 'pricing', ...asked })
    await broker.publish([message('42', { kind: 'reply', address: inbox.address }, { requestId: 'r1' })])
    await world.settle()
    expect(replies.map(r => [text(r), r.requestId])).toEqual([['42', 'r1']])
  })

  it('fail at once when nobody responds, or nobody does any more', async () => {
    const { broker } = await start()
    const refusal = [{ status: 'failed', error: { code: 'NO_RESPONDER', retryable: false } }]
    expect(await broker.publish([request()])).toMatchObject(refusal)
    const consumer = await consume(broker, responder)
    expect(await broker.publish([request()])).toMatchObject([{ status: 'confirmed' }])
    await consumer.subscription.close(never)
    expect(await broker.publish([request()])).toMatchObject(refusal)
  })

  it('are not handed to a second responder after a crash of the first', async () => {
    const { world, broker } = await start()
    const other = await world.connect('responder')
    const first = await consume(other.broker, responder, { window: 1 })
    await broker.publish([request()])
    await world.settle()
    const second = await consume(broker, responder)
    expect(first.got).toHaveLength(1)
    world.faults.crash('responder')
    await world.settle()
    expect(second.got).toEqual([])
    expect(world.broker.inspect()).toMatchObject({ messages: 0 })
  })

  it('are dropped when they have expired, and when the broker restarts', async () => {
    const { world, broker } = await start()
    const consumer = await consume(broker, responder, { window: 0 })
    await broker.publish([request({ expiresAt: world.clock.now() + 1_000 })])
    await world.clock.advance(1_000)
    consumer.subscription.window(1)
    await world.settle()
    expect(consumer.got).toEqual([])
    consumer.subscription.window(0)
    await broker.publish([request()])
    world.faults.restart()
    await world.settle()
    consumer.subscription.window(1)
    await world.settle()
    expect(consumer.got).toEqual([])
    await broker.publish([request()])
    await world.settle()
    expect(consumer.got).toHaveLength(1)
  })

  it('drop a reply to an inbox that is gone, or of another prefix', async () => {
    const { world, broker, replies, inbox } = await start()
    const stranger = await world.connect('stranger', 'other')
    const reply = message('x', { kind: 'reply', address: inbox.address })
    expect(await stranger.broker.publish([reply])).toEqual([{ status: 'confirmed' }])
    await inbox.close()
    expect(await broker.publish([reply])).toEqual([{ status: 'confirmed' }])
    await world.settle()
    expect(replies).toEqual([])
    expect(broker.acceptsReplyTo?.('reply:other:1:stranger')).toBe(false)
  })

  it('leave nothing behind once answered', async () => {
    const { world, broker } = await start()
    await consume(broker, responder, { act: ack })
    await broker.publish([request(), request()])
    await world.settle()
    expect(world.broker.inspect()).toMatchObject({ messages: 0, bytes: 0 })
  })
})
