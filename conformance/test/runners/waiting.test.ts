import { VirtualClock } from '@busbar/core/time'
import { describe, expect, it } from 'vitest'
import { realWaiting, virtualWaiting } from '../../src/runners/waiting.ts'

const signal = new AbortController().signal

function later(clock: VirtualClock, ms: number): Promise<string> {
  return new Promise(resolve => clock.setTimer(ms, () => resolve('done')))
}

describe('waiting in virtual time', () => {
  it('moves time as far as a promise needs, and no further', async () => {
    const clock = new VirtualClock(0)
    expect(await virtualWaiting(clock, signal).within(later(clock, 5_000), 'it')).toBe('done')
    expect(clock.now()).toBe(5_000)
  })

  it('asks an asynchronous condition again after each timer', async () => {
    const clock = new VirtualClock(0)
    const waiting = virtualWaiting(clock, signal)
    for (const at of [1_000, 2_000, 3_000]) clock.setTimer(at, () => {})
    await waiting.until(async () => clock.now() >= 2_000, 'two seconds')
    expect(clock.now()).toBe(2_000)
  })

  it('lets a condition need time itself', async () => {
    const clock = new VirtualClock(0)
    const waiting = virtualWaiting(clock, signal)
    await waiting.until(async () => (await later(clock, 50)) === 'done', 'a slow condition')
    expect(clock.now()).toBe(50)
  })

  it('fails at its limit of virtual time', async () => {
    const clock = new VirtualClock(0)
    const tick = (): void => void clock.setTimer(1_000, tick)
    tick()
    await expect(virtualWaiting(clock, signal).until(() => false, 'never', 10_000)).rejects.toThrow(
      'within 10000 ms',
    )
    expect(clock.now()).toBeLessThanOrEqual(10_000)
  })

  it('passes a rejection on', async () => {
    const waiting = virtualWaiting(new VirtualClock(0), signal)
    await expect(waiting.within(Promise.reject(new Error('refused')), 'it')).rejects.toThrow('refused')
  })
})

describe('waiting in real time', () => {
  it('polls until the condition holds', async () => {
    let asked = 0
    await realWaiting(signal).until(async () => ++asked > 2, 'three questions')
    expect(asked).toBe(3)
  })

  it('fails at its limit, naming what it waited for', async () => {
    const waiting = realWaiting(signal)
    await expect(waiting.until(() => false, 'the moon', 30)).rejects.toThrow('the moon')
    await expect(waiting.within(new Promise(() => {}), 'the sun', 30)).rejects.toThrow('the sun')
  })

  it('stops when the case is aborted', async () => {
    await expect(realWaiting(AbortSignal.abort()).until(() => false, 'it')).rejects.toThrow('stopped')
  })
})
