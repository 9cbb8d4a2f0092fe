import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { currentHandling, HandlingScope } from '../../src/consuming/handling-context.ts'

const event = (id: string) => ({ attributes: { id } })
const current = () => currentHandling()?.attributes.id
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

test('handlers side by side each know their own event, as long as they run, and nobody else does', async () => {
  const scope = new HandlingScope()
  const handler = async (id: string) => {
    const seen = [current()]
    await null
    seen.push(current())
    await turn()
    seen.push(current())
    expect(seen).toEqual([id, id, id])
  }
  const running = ['a', 'b', 'c'].map(id => scope.run(event(id), handler, id))
  expect(current()).toBeUndefined()
  await Promise.all(running)
  expect(current()).toBeUndefined()
})

test('a handler that throws leaves no context behind', () => {
  const scope = new HandlingScope()
  const handler = () => {
    throw new Error('no')
  }
  expect(() => scope.run(event('a'), handler, undefined)).toThrow('no')
  expect(current()).toBeUndefined()
})

test('a handler inside a handler knows its own event, and the outer one its own again', () => {
  const outer = new HandlingScope()
  const inner = new HandlingScope()
  const seen = outer.run(
    event('outer'),
    () => [inner.run(event('inner'), current, undefined), current()],
    undefined,
  )
  expect(seen).toEqual(['inner', 'outer'])
})

test('a handler sees the context its subscription was made in, wherever its event comes from', async () => {
  const tenant = new AsyncLocalStorage<string>()
  const scope = tenant.run('subscriber', () => new HandlingScope())
  const handler = async () => {
    await turn()
    return tenant.getStore()
  }
  const seen = tenant.run('publisher', () => scope.run(event('a'), handler, undefined))
  expect(await seen).toBe('subscriber')
})
