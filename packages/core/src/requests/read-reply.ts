import { META } from '../adapter/envelope.ts'
import type { Delivery } from '../adapter/subscription.ts'
import { decodeData } from '../cloudevents/decode.ts'
import { type AnyRequestContract, type Validation, validate } from '../contracts/index.ts'
import { BusError, issuesError } from '../errors/bus-error.ts'
import { failureSchema, RequestFailed } from './request-failed.ts'

/**
 * What a reply says: the schema's output, at once if its validator answers at once.
 * @throws BusError INVALID_REPLY, REMOTE_FAILURE, or a declared failure.
 */
export function readReply(contract: AnyRequestContract, reply: Delivery): unknown {
  const { envelope } = reply
  if (envelope === null) throw invalid(contract, 'cannot be decoded', reply.decodeError)
  const status = envelope.meta[META.replyStatus]
  let data: unknown
  try {
    data = decodeData(envelope)
  } catch (error) {
    throw invalid(contract, 'cannot be decoded', error)
  }
  if (status === 'error') {
    const said = envelope.meta[META.errorMessage] ?? 'without a message'
    throw new BusError('REMOTE_FAILURE', `the responder of "${contract.type}" failed: ${said}`, {
      remedy: "see the responder's log; declare the failures a requester should tell apart",
    })
  }
  const failure = status === 'failure' ? envelope.meta[META.errorCode] : undefined
  const schema = failure === undefined ? contract.output : failureSchema(contract, failure)
  if (schema === undefined)
    throw invalid(contract, `is the failure "${failure}", which the contract does not declare`)
  const checked = validate(schema, data, failure === undefined ? 'output' : 'data')
  return checked instanceof Promise
    ? checked.then(result => outcome(contract, failure, result))
    : outcome(contract, failure, checked)
}

function outcome(
  contract: AnyRequestContract,
  failure: string | undefined,
  checked: Validation<unknown>,
): unknown {
  if (!checked.ok) {
    const issues = issuesError('SCHEMA_VIOLATION', `reply to "${contract.type}"`, checked.issues)
    throw invalid(contract, 'breaks its schema', issues)
  }
  if (failure !== undefined) throw new RequestFailed(contract.type, failure, checked.value)
  return checked.value
}

const invalid = (contract: AnyRequestContract, problem: string, cause?: unknown) =>
  new BusError('INVALID_REPLY', `the reply to "${contract.type}" ${problem}`, {
    cause,
    remedy: 'see whether requester and responder share one version of the contract',
  })
