import { describe, expect, it } from 'vitest'
import { LinkStates } from '../src/broker/link-states.ts'

describe('the state of a bus', () => {
  const recorded = () => {
    const said: string[] = []
    return { said, states: new LinkStates(state => said.push(state)) }
  }

  it('is live again only when each of its connections is', () => {
    const { said, states } = recorded()
    states.up('shared')
    states.up('replies')
    states.down('replies', undefined)
    states.down('shared', undefined)
    states.up('shared')
    expect(said).toEqual(['live', 'reconnecting'])
    states.up('replies')
    expect(said).toEqual(['live', 'reconnecting', 'live'])
  })

  it('does not wait for a connection that nobody needs any more', () => {
    const { said, states } = recorded()
    states.up('shared')
    states.down('replies', undefined)
    states.forget('replies')
    expect(said).toEqual(['live', 'reconnecting', 'live'])
  })
})
