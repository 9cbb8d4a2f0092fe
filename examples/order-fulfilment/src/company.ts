import { type Bus, createBus, type DeadLetter } from '@busbar/core'
import { startBilling } from './billing.ts'
import { OrderPriced, OrderShipped, orders, PaymentTaken } from './contracts.ts'
import { type AccountName, Ledger } from './ledger.ts'
import { SCREENS, startNotifications, startScreen } from './notifications.ts'
import { startOrders } from './orders.ts'
import { startPricing } from './pricing.ts'
import { startShipping } from './shipping.ts'

/** The groups that have a dead-letter queue, and the topic of each. */
const QUEUES = [
  { group: 'order-desk', topic: orders },
  { group: 'billing', topic: OrderPriced },
  { group: 'shipping', topic: PaymentTaken },
  { group: 'email', topic: OrderShipped },
  { group: 'sms', topic: OrderShipped },
] as const

const BILLING_WORKERS = ['billing-1', 'billing-2', 'billing-3'] as const

/** What Busbar counted for one group, over all its members. */
export interface GroupCounts {
  readonly handled: number
  readonly retried: number
  readonly deadLettered: number
}

/** All services, each on buses of its own as separate processes would be. */
export class Company {
  readonly ledger = new Ledger()
  readonly #buses = new Map<string, Bus>()
  readonly #connect: (name: string) => Promise<Bus>
  #fix: () => void = () => {}

  private constructor(url: string, prefix: string, onError: (text: string) => void) {
    this.#connect = async name => {
      const bus = await createBus(url, {
        source: `/${name}`,
        prefix,
        clientName: name,
        onError: (error, where) => onError(`${name}: ${where}: ${error.message}`),
      })
      this.#buses.set(name, bus)
      return bus
    }
  }

  static async open(url: string, prefix: string, onError: (text: string) => void): Promise<Company> {
    const company = new Company(url, prefix, onError)
    try {
      await company.#start()
      return company
    } catch (error) {
      await company.close()
      throw error
    }
  }

  /** Those who listen start before those who speak. */
  async #start(): Promise<void> {
    const { ledger } = this
    for (const screen of SCREENS) await startScreen(await this.#connect(screen), screen, ledger)
    await startNotifications({ bus: await this.#connect('notifications'), ledger })
    await startShipping({ bus: await this.#connect('shipping'), ledger })
    const workers = await Promise.all(BILLING_WORKERS.map(this.#connect))
    const billing = await startBilling(workers, ledger)
    const pricing = await startPricing({ bus: await this.#connect('pricing') })
    await startOrders({ bus: await this.#connect('orders'), ledger })
    this.#fix = () => {
      billing.learnGiftCards()
      pricing.addForgottenArticle()
    }
  }

  /** The bus of the order service, which is also the one that publishes what comes in. */
  get front(): Bus {
    const bus = this.#buses.get('orders')
    if (bus === undefined) throw new Error('the order service has not started')
    return bus
  }

  get server(): string {
    return `${this.front.adapter} (${this.front.server})`
  }

  /** Deploys the corrected billing and pricing. */
  fix(): void {
    this.#fix()
  }

  counts(group: string): GroupCounts {
    const total = { handled: 0, retried: 0, deadLettered: 0 }
    for (const bus of this.#buses.values()) {
      for (const stats of bus.stats.subscriptions) {
        if (stats.group !== group) continue
        total.handled += stats.handled
        total.retried += stats.retried
        total.deadLettered += stats.deadLettered
      }
    }
    return total
  }

  /** How often anything was retried or dead-lettered. */
  get setbacks(): { readonly retried: number; readonly deadLettered: number } {
    const counts = QUEUES.map(({ group }) => this.counts(group))
    return {
      retried: counts.reduce((sum, { retried }) => sum + retried, 0),
      deadLettered: counts.reduce((sum, { deadLettered }) => sum + deadLettered, 0),
    }
  }

  /** Reads the dead-letter queues and enters what is in them into the books. */
  async readDeadLetters(): Promise<readonly DeadLetter[]> {
    const all: DeadLetter[] = []
    for (const { group, topic } of QUEUES) {
      const letters = await this.front.deadLetters(topic, group).list({ limit: 1_000_000 })
      this.ledger.accounts[group].bury(letters.flatMap(({ event }) => event ?? []))
      all.push(...letters)
    }
    return all
  }

  /** Moves everything that is dead back to the group it died in; how many of each group. */
  async redrive(): Promise<ReadonlyMap<AccountName, number>> {
    const redriven = new Map<AccountName, number>()
    for (const { group, topic } of QUEUES) {
      // Whatever dies again is found at the next look; until then it is missing, and so waited for.
      this.ledger.accounts[group].bury([])
      redriven.set(group, (await this.front.deadLetters(topic, group).redrive()).redriven)
    }
    return redriven
  }

  /** Finishes what runs, gives back the rest, closes. */
  async drain(deadline: number): Promise<void> {
    await Promise.allSettled([...this.#buses.values()].map(bus => bus.drain({ deadline })))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#buses.values()].map(bus => bus.close()))
  }
}
