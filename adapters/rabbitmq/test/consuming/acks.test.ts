import type { Channel } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { Acks } from '../../src/consuming/acks.ts'

function channel() {
  const frames: [tag: number, multiple: boolean][] = []
  const ack = (message: { fields: { deliveryTag: number } }, multiple: boolean) =>
    frames.push([message.fields.deliveryTag, multiple])
  return { frames, acks: new Acks({ ack } as unknown as Channel) }
}

const settle = (acks: Acks, ...tags: number[]) => {
  for (const tag of tags) acks.add(tag, () => {})
  acks.send()
}

describe('acks', () => {
  it('of a row are one frame that names the last', () => {
    const { frames, acks } = channel()
    for (let tag = 1; tag <= 5; tag++) acks.opened(tag)
    settle(acks, 3, 1, 2)
    expect(frames).toEqual([[3, true]])
    settle(acks, 4, 5)
    expect(frames.slice(1)).toEqual([[5, true]])
  })

  it('never cover one that is still open', () => {
    const { frames, acks } = channel()
    for (let tag = 1; tag <= 5; tag++) acks.opened(tag)
    settle(acks, 2, 4)
    expect(frames).toEqual([
      [2, false],
      [4, false],
    ])
    settle(acks, 1, 3)
    // Tag 4 is acked already: naming it again would close the channel.
    expect(frames.slice(2)).toEqual([[3, true]])
  })

  it('are told once they are on their way, and not at all after the end', () => {
    const { frames, acks } = channel()
    const told: number[] = []
    acks.opened(1)
    acks.add(1, () => told.push(1))
    expect(told).toEqual([])
    acks.send()
    expect(told).toEqual([1])
    acks.opened(2)
    acks.add(2, () => told.push(2))
    acks.end()
    acks.send()
    expect(told).toEqual([1])
    expect(frames).toEqual([[1, false]])
  })
})
