import { seededRandom, systemClock, VirtualClock } from '@busbar/core/time'
import { describe, expect, test } from 'vitest'
import { deadlineIn } from '../../src/time/deadline.ts'

describe('the virtual clock', () => {
  test('fires timers in the order of their time, those of one time in the order they were set', async () => {
    const clock = new VirtualClock(0)
    const log: [string, number][] = []
    const at = (ms: number, name: string) => clock.setTimer(ms, () => log.push([name, clock.now()]))
    at(20, 'c')
    at(10, 'a')
    at(20, 'd')
    at(10, 'b').cancel()
    await clock.advance(15)
    expect(log).toEqual([['a', 10]])
    expect([clock.now(), clock.pending, clock.nextDue]).toEqual([15, 2, 20])
    await clock.advance(5)
    expect(log.map(([name]) => name)).toEqual(['a', 'c', 'd'])
  })

  test('work that a timer starts, timers included, happens at its own time', async () => {
    const clock = new VirtualClock(0)
    const log: number[] = []
    const tick = async () => {
      log.push(clock.now())
      await Promise.resolve()
      if (log.length < 4) clock.setTimer(10, () => void tick())
    }
    clock.setTimer(10, () => void tick())
    await clock.advance(35)
    expect(log).toEqual([10, 20, 30])
  })

  test('advanceUntil stops when the condition holds, and says when it never will', async () => {
    const clock = new VirtualClock(0)
    let fired = 0
    for (let i = 1; i <= 5; i++) clock.setTimer(i * 100, () => fired++)
    await clock.advanceUntil(() => fired === 3)
    expect(clock.now()).toBe(300)
    await expect(clock.advanceUntil(() => fired === 9, 150)).rejects.toThrow('150 ms')
    await expect(clock.advanceUntil(() => fired === 9)).rejects.toThrow('nothing left')
  })

  test('never goes backwards', async () => {
    const clock = new VirtualClock(1_000)
    await clock.advanceTo(500)
    expect(clock.now()).toBe(1_000)
  })
})

test('the system clock never fires early, and a cancelled timer not at all', async () => {
  let cancelled = false
  systemClock.setTimer(5, () => (cancelled = true)).cancel()
  const start = systemClock.now()
  const fired = await new Promise<number>(resolve =>
    systemClock.setTimer(15, () => resolve(systemClock.now()), { keepAlive: true }),
  )
  expect(fired - start).toBeGreaterThanOrEqual(15)
  expect(cancelled).toBe(false)
})

test('a timer beyond what setTimeout can hold does not fire at once', async () => {
  let fired = false
  const timer = systemClock.setTimer(2 ** 31 + 5_000, () => (fired = true))
  await new Promise(resolve => systemClock.setTimer(20, () => resolve(undefined), { keepAlive: true }))
  timer.cancel()
  expect(fired).toBe(false)
})

describe('a deadline', () => {
  test('gives the value in time, the substitute after, and swallows what comes too late', async () => {
    const clock = new VirtualClock(0)
    using deadline = deadlineIn(clock, 100)
    expect(await deadline.race(Promise.resolve('in time'), 'late')).toBe('in time')
    let fail: (error: Error) => void = () => {}
    const slow = deadline.race(new Promise<string>((_, reject) => (fail = reject)), 'late')
    await clock.advance(100)
    expect(await slow).toBe('late')
    fail(new Error('too late to matter'))
    expect(deadline.signal.aborted).toBe(true)
    expect(await deadline.race(Promise.reject(new Error('also ignored')), 'late')).toBe('late')
  })

  test('leaves no timer once disposed', () => {
    const clock = new VirtualClock(0)
    {
      using _ = deadlineIn(clock, 100)
      expect(clock.pending).toBe(1)
    }
    expect(clock.pending).toBe(0)
  })
})

test('a seeded random source repeats, stays in [0, 1), and differs by seed', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed)
    return Array.from({ length: 1_000 }, () => random.next())
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  expect(Math.min(...draw(3))).toBeGreaterThanOrEqual(0)
  expect(Math.max(...draw(3))).toBeLessThan(1)
  const mean = draw(4).reduce((sum, x) => sum + x) / 1_000
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.05)
})
