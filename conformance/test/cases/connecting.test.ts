import { type Adapter, BusError, type ErrorCode } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { connectingCases } from '../../src/cases/connecting.ts'
import { memoryHarness } from '../../src/harness/memory.ts'
import type { Harness } from '../../src/model/harness.ts'
import { runSuite } from '../../src/runners/run-suite.ts'
import { overlay } from '../../src/wrap/overlay.ts'

const SECRET = 'sesame'

/** The embedded broker behind a door that opens with what `answer` says, or for everybody. */
function behind(answer: (() => unknown) | undefined): Harness {
  return {
    ...memoryHarness,
    async open() {
      const environment = await memoryHarness.open()
      const door = (adapter: Adapter) =>
        answer === undefined ? adapter : overlay(adapter, { connect: () => Promise.reject(answer()) })
      return {
        ...environment,
        visitors: {
          secret: SECRET,
          adapter: async as => door(environment.adapter({ client: as })),
        },
      }
    },
  }
}

async function verdicts(answer: (() => unknown) | undefined, filter: string) {
  const report = await runSuite(behind(answer), connectingCases, { filter, probe: false })
  return report.cases.map(({ status }) => status)
}

const error = (code: ErrorCode, options: ConstructorParameters<typeof BusError>[2]) => () =>
  new BusError(code, 'no entry', options)
const GOOD = { field: 'url', remedy: 'look at the host and the port', retryable: true } as const

describe('who may get in', () => {
  it('gets in', async () => {
    expect(await verdicts(undefined, 'welcome')).toEqual(['pass', 'pass'])
  })

  it('is missed when it does not', async () => {
    expect(await verdicts(error('TLS_FAILED', GOOD), 'welcome')).toEqual(['fail', 'fail'])
  })
})

describe('who may not get in', () => {
  const nobody = 'refused@1[nobody-there]'

  it('passes with the code of the cause, the option, the remedy', async () => {
    expect(await verdicts(error('CONNECTION_FAILED', GOOD), nobody)).toEqual(['pass'])
  })

  it.each([
    ['nothing refuses it', undefined],
    ['the error is not typed', () => new Error('ECONNREFUSED')],
    ['the code is of another cause', error('TLS_FAILED', { ...GOOD, retryable: false })],
    ['no option is named', error('CONNECTION_FAILED', { remedy: 'look', retryable: true })],
    ['there is no remedy', error('CONNECTION_FAILED', { field: 'url', retryable: true })],
    ['it is said to be final', error('CONNECTION_FAILED', { ...GOOD, retryable: false })],
    ['the secret is in the cause', error('CONNECTION_FAILED', { ...GOOD, cause: new Error(SECRET) })],
  ])('fails when %s', async (_, answer) => {
    expect(await verdicts(answer, nobody)).toEqual(['fail'])
  })
})
