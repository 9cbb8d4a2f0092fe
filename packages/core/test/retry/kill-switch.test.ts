import { describe, expect, it } from 'vitest'
import { KillSwitch, type KillSwitchOptions, type KillSwitchState } from '../../src/retry/index.ts'

const OPTIONS = { failureRatio: 0.5, minimum: 4, window: 1000, pause: 100, maxPause: 300, probes: 1 } as const

function make(options: KillSwitchOptions = {}) {
  const changes: [KillSwitchState, number][] = []
  const killSwitch = new KillSwitch({ ...OPTIONS, ...options }, (state, now) => changes.push([state, now]))
  return { killSwitch, changes }
}

/** Opens it at `now`, by failures alone. */
function open(killSwitch: KillSwitch, now: number) {
  for (let i = 0; i < 4; i++) killSwitch.record(false, now)
}

describe('KillSwitch', () => {
  it('opens when enough attempts were made and enough of them failed', () => {
    const { killSwitch, changes } = make()
    expect([true, false, true].map(ok => killSwitch.record(ok, 0))).toEqual(['closed', 'closed', 'closed'])
    expect(killSwitch.record(false, 10)).toBe('open')
    expect(killSwitch.reopensAt).toBe(110)
    expect(changes).toEqual([['open', 10]])
  })

  it('stays closed below the ratio and below the minimum', () => {
    const { killSwitch } = make()
    for (let i = 0; i < 3; i++) killSwitch.record(false, 0)
    expect(killSwitch.state(0)).toBe('closed')
    const mostlyWell = make().killSwitch
    for (let i = 0; i < 30; i++) mostlyWell.record(i % 3 !== 2, i)
    expect(mostlyWell.state(30)).toBe('closed')
    expect(mostlyWell.reopensAt).toBeUndefined()
  })

  it('is not opened by a success', () => {
    const { killSwitch } = make()
    for (const ok of [false, false, false, true]) killSwitch.record(ok, 0)
    expect(killSwitch.state(0)).toBe('closed')
  })

  it('forgets attempts older than the window', () => {
    const { killSwitch } = make()
    for (let i = 0; i < 3; i++) killSwitch.record(false, 0)
    expect(killSwitch.record(false, 1_200)).toBe('closed')
    for (let i = 0; i < 3; i++) killSwitch.record(false, 2_000)
    expect(killSwitch.state(2_000)).toBe('open')
  })

  it('probes after the pause, and closes when the probes succeed', () => {
    const { killSwitch, changes } = make({ probes: 2 })
    open(killSwitch, 0)
    expect(killSwitch.state(99)).toBe('open')
    expect(killSwitch.state(100)).toBe('probing')
    expect(killSwitch.record(true, 101)).toBe('probing')
    expect(killSwitch.record(true, 102)).toBe('closed')
    expect(changes).toEqual([
      ['open', 0],
      ['probing', 100],
      ['closed', 102],
    ])
  })

  it('starts afresh once it is closed again', () => {
    const { killSwitch } = make()
    open(killSwitch, 0)
    killSwitch.state(100)
    killSwitch.record(true, 100)
    for (let i = 0; i < 3; i++) killSwitch.record(false, 101)
    expect(killSwitch.state(101)).toBe('closed')
    killSwitch.record(false, 101)
    expect(killSwitch.reopensAt).toBe(201)
  })

  it('doubles the pause with each failed probe, up to the longest', () => {
    const { killSwitch } = make({ probes: 3 })
    open(killSwitch, 0)
    const pauses: number[] = []
    for (let i = 0; i < 3; i++) {
      const now = killSwitch.reopensAt ?? Number.NaN
      killSwitch.state(now)
      killSwitch.record(true, now)
      killSwitch.record(false, now)
      pauses.push((killSwitch.reopensAt ?? Number.NaN) - now)
    }
    expect(pauses).toEqual([200, 300, 300])
  })

  it('takes no account of attempts that began before the probing', () => {
    const { killSwitch } = make()
    open(killSwitch, 0)
    killSwitch.state(100)
    expect(killSwitch.record(true, 120, 50)).toBe('probing')
    expect(killSwitch.record(false, 120, 99)).toBe('probing')
    expect(killSwitch.record(true, 120, 100)).toBe('closed')
  })

  it('takes no account of attempts that end while it is open', () => {
    const { killSwitch } = make()
    open(killSwitch, 0)
    killSwitch.record(true, 50)
    killSwitch.record(false, 60)
    expect(killSwitch.reopensAt).toBe(100)
  })
})
