import { Account } from './account.ts'
import { type Identity, identityOf } from './identity.ts'

/** Those who must get each event; the rows of the table. */
export const ACCOUNTS = ['order-desk', 'billing', 'shipping', 'email', 'sms', 'screen-1', 'screen-2'] as const
export type AccountName = (typeof ACCOUNTS)[number]

/** What happens in the world outside, once for each order. */
export const EFFECTS = ['charge', 'parcel', 'email', 'sms'] as const
export type Effect = (typeof EFFECTS)[number]

/**
 * The demo's own books, kept apart from Busbar's counters so that the one can be checked against the other. Here they
 * stand in for the database in which each service would note what it has done.
 */
export class Ledger {
  readonly accounts: Readonly<Record<AccountName, Account>>
  /** How long pricing took to answer, in milliseconds. */
  readonly quotes: number[] = []
  /** Events of one order that were handled in another order than they were published in. */
  outOfOrder = 0
  readonly #effects = new Map<Effect, Map<string, number>>(EFFECTS.map(kind => [kind, new Map()]))
  readonly #positions = new Map<string, number>()
  readonly #lastOfOrder = new Map<string, number>()

  constructor() {
    this.accounts = Object.fromEntries(ACCOUNTS.map(name => [name, new Account()])) as Record<
      AccountName,
      Account
    >
  }

  expect(event: Identity, ...groups: readonly AccountName[]): void {
    for (const group of groups) this.accounts[group].expect(event)
  }

  /** Once per order is right. */
  happened(effect: Effect, orderId: string): void {
    const counts = this.#effects.get(effect)
    counts?.set(orderId, (counts.get(orderId) ?? 0) + 1)
  }

  /** How many orders had the effect, and how many of them more than once. */
  effects(effect: Effect): { readonly orders: number; readonly doubled: number } {
    const counts = [...(this.#effects.get(effect)?.values() ?? [])]
    return { orders: counts.length, doubled: counts.filter(count => count > 1).length }
  }

  /** Notes the place of an event in its topic. */
  published(event: Identity): void {
    this.#positions.set(identityOf(event), this.#positions.size)
  }

  /** Checks an event against those of its order that were handled before it. One that was redriven comes late by design. */
  checkOrder(orderId: string, event: Identity): void {
    const position = this.#positions.get(identityOf(event))
    if (position === undefined || this.accounts['order-desk'].wasDead(event)) return
    if (position < (this.#lastOfOrder.get(orderId) ?? -1)) this.outOfOrder++
    else this.#lastOfOrder.set(orderId, position)
  }

  /** Events that are neither handled nor known to be dead, over all groups. */
  get missing(): number {
    return ACCOUNTS.reduce((sum, name) => sum + this.accounts[name].missing, 0)
  }

  get dead(): number {
    return ACCOUNTS.reduce((sum, name) => sum + this.accounts[name].dead, 0)
  }

  /** Grows with everything that is handled. */
  get handled(): number {
    return ACCOUNTS.reduce((sum, name) => sum + this.accounts[name].handled, 0)
  }
}
