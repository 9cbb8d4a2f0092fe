import type { AnyRequestContract, Schema } from '../contracts/index.ts'
import { BusError } from '../errors/bus-error.ts'

/** The responder answered with a failure that the contract declares. Tell it apart with `contract.isFailure(error, name)`. */
export class RequestFailed extends BusError {
  readonly requestType: string
  readonly failure: string
  readonly data: unknown

  constructor(requestType: string, failure: string, data: unknown) {
    super('REQUEST_FAILED', `"${requestType}" was answered with the failure "${failure}"`, {
      remedy: `handle it: contract.isFailure(error, '${failure}') gives its data`,
    })
    this.name = 'RequestFailed'
    this.requestType = requestType
    this.failure = failure
    this.data = data
  }
}

/** What `fail` throws inside a responder; never leaves this package. */
export class DeclaredFailure extends BusError {
  readonly failure: string
  readonly data: unknown

  constructor(failure: string, data: unknown) {
    super('REQUEST_FAILED', `the responder answers with the failure "${failure}"`)
    this.failure = failure
    this.data = data
  }
}

/** The schema of a declared failure. The name may come off the wire: `constructor` is none. */
export const failureSchema = (contract: AnyRequestContract, failure: string): Schema | undefined =>
  Object.hasOwn(contract.errors, failure) ? contract.errors[failure] : undefined
