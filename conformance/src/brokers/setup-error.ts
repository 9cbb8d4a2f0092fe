/** Brokers could not be started or reached; the message says why and what to do about it. */
export class BrokerSetupError extends Error {
  override readonly name = 'BrokerSetupError'
}
