import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type Bus, type BusError, createBus, isBusError } from '@busbar/core'
import { type RedisOptions, redis } from '@busbar/redis'

export const event = (id = '1') => ({ id, source: '/test', type: 'com.example.test', data: { id } })

export const connect = (options: RedisOptions): Promise<Bus> =>
  createBus(redis({ connectTimeout: 3_000, operationTimeout: 3_000, ...options }), { source: '/test' })

/** The BusError that `work` ends with, in bounded time, and without a word of `secrets`. */
export async function refusal(
  work: () => Promise<unknown>,
  { within = 10_000, secrets = [] as readonly string[] } = {},
): Promise<BusError> {
  const begun = performance.now()
  const error: unknown = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isBusError(error), `expected a BusError, and it was ${String(error)}`)
  const took = performance.now() - begun
  assert.ok(took < within, `took ${Math.round(took)} ms`)
  for (const secret of secrets) {
    assert.ok(!error.message.includes(secret), 'the message shows a secret')
    assert.ok(
      !inspect(error, { depth: 20, showHidden: true }).includes(secret),
      'the error or its cause shows a secret',
    )
  }
  return error
}

/** As `refusal`, for a bus that should not have been made. */
export const refusedConnection = (
  options: RedisOptions,
  secrets: readonly string[] = [],
): Promise<BusError> =>
  refusal(
    async () => {
      await using _bus = await connect(options)
    },
    { secrets },
  )
