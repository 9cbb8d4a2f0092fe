import { resolveCredentials } from '@busbar/core/adapter'
import { expect, test } from 'vitest'

test('a secret is used as it is', async () => {
  const login = { user: 'a', password: 'b' }
  expect(await resolveCredentials(login)).toBe(login)
})

test('a function is asked again for each connect', async () => {
  let token = 0
  const fetchToken = async () => `token-${++token}`
  expect([await resolveCredentials(fetchToken), await resolveCredentials(fetchToken)]).toEqual([
    'token-1',
    'token-2',
  ])
})

test('a function that fails is an authentication failure that may pass', async () => {
  const failing = () => {
    throw new Error('vault sealed')
  }
  await expect(resolveCredentials<string>(failing)).rejects.toMatchObject({
    code: 'AUTHENTICATION_FAILED',
    retryable: true,
    cause: { message: 'vault sealed' },
  })
})
