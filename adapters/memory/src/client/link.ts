import { BusError } from '@busbar/core/adapter'
import type { Clock, Timer } from '@busbar/core/time'
import type { FaultyLink } from '../server/faults.ts'
import { connectionLost } from '../server/faults.ts'
import type { Server } from '../server/server.ts'

/** One call to the broker, from when it is sent until it is answered. */
export interface Operation {
  readonly kind: 'publish' | 'settle' | 'call'
  /** Does it. `answered` is false when the broker does it and the answer will be lost: see `cut`. */
  run(answered: boolean): void
  /** The connection died while it was on its way. Without this it waits for the next one. */
  cut?(cause: BusError): void
  /** There is no connection. Without this it waits for one. */
  down?(cause: BusError): void
  /** No answer in time. */
  expired(cause: BusError): void
  /** Bookkeeping of the link. */
  readyAt?: number
  timer?: Timer
  over?: boolean
}

export type LinkState = 'up' | 'down' | 'closed' | 'dead'

export interface LinkEvents {
  dropped(cause: BusError): void
  restored(): void
  killed(): void
}

/**
 * The network between one adapter and the broker: calls arrive in order, in a microtask of their own, all that were
 * made until then together. Faults are injected here, where a real network has them.
 */
export class Link implements FaultyLink {
  readonly name: string
  readonly clock: Clock
  state: LinkState = 'up'
  readonly #server: Server
  readonly #events: LinkEvents
  #queue: Operation[] = []
  #head = 0
  #scheduled = false
  /** Publishes that the broker neither does nor answers. */
  #hung: Operation[] = []
  #lastReady = 0
  #delay: Timer | undefined
  #outage: Timer | undefined

  constructor(server: Server, name: string, clock: Clock, events: LinkEvents) {
    this.#server = server
    this.name = name
    this.clock = clock
    this.#events = events
  }

  send(operation: Operation): void {
    if (this.state === 'dead') return
    if (this.state === 'up') this.#enqueue(operation)
    else this.#refuse(operation, this.state === 'closed' ? connectionClosed() : connectionLost())
  }

  /** A call whose answer is a value. Waits for a connection within the operation timeout. */
  call<T>(answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.send({
        kind: 'call',
        run() {
          try {
            resolve(answer())
          } catch (error) {
            reject(error)
          }
        },
        expired: reject,
      })
    })
  }

  drop(cause: BusError): void {
    if (this.state !== 'up') return
    this.state = 'down'
    this.#cancelTimers()
    const onTheirWay = [...this.#hung, ...this.#queue.slice(this.#head)]
    this.#hung = []
    this.#queue = []
    this.#head = 0
    for (const operation of onTheirWay) {
      if (operation.over === true) continue
      if (operation.cut === undefined) {
        this.#limit(operation)
        this.#queue.push(operation)
      } else {
        this.#end(operation)
        operation.cut(cause)
      }
    }
    this.#events.dropped(cause)
  }

  /** Drops the connection and lets it come back by itself. */
  dropFor(milliseconds: number, cause: BusError): void {
    if (this.state !== 'up') return
    this.drop(cause)
    this.#outage = this.clock.setTimer(milliseconds, () => {
      if (this.#server.faults.accepts(this.name)) this.restore()
    })
  }

  restore(): void {
    if (this.state !== 'down') return
    this.state = 'up'
    this.#cancelTimers()
    this.#events.restored()
    this.#schedule()
  }

  resume(): void {
    if (this.#hung.length === 0) return
    this.#queue = [...this.#hung, ...this.#queue.slice(this.#head)]
    this.#hung = []
    this.#head = 0
    this.#schedule()
  }

  kill(): void {
    if (this.state === 'closed' || this.state === 'dead') return
    this.#finish('dead')
    this.#events.killed()
  }

  /** Ends what is still on its way as if the connection had died. */
  close(): void {
    if (this.state === 'closed' || this.state === 'dead') return
    const pending = [...this.#hung, ...this.#queue.slice(this.#head)]
    this.#finish('closed')
    const cause = connectionClosed()
    for (const operation of pending) {
      if (operation.over === true) continue
      if (operation.cut === undefined) operation.expired(cause)
      else operation.cut(cause)
    }
  }

  #finish(state: 'closed' | 'dead'): void {
    for (const operation of [...this.#hung, ...this.#queue]) operation.timer?.cancel()
    this.state = state
    this.#queue = []
    this.#hung = []
    this.#head = 0
    this.#cancelTimers()
  }

  #enqueue(operation: Operation): void {
    if (this.#server.faults.active) this.#slowDown(operation)
    this.#queue.push(operation)
    this.#schedule()
  }

  #refuse(operation: Operation, error: BusError): void {
    if (operation.down !== undefined) operation.down(error)
    else if (this.state === 'closed') operation.expired(error)
    else {
      this.#limit(operation)
      this.#queue.push(operation)
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#drain()
    })
  }

  #drain(): void {
    while (this.state === 'up' && this.#head < this.#queue.length) {
      const operation = this.#queue[this.#head] as Operation
      if (
        operation.readyAt !== undefined &&
        operation.readyAt > this.clock.now() &&
        operation.over !== true
      ) {
        this.#waitFor(operation.readyAt)
        return
      }
      this.#head++
      if (operation.over !== true) this.#perform(operation)
    }
    if (this.state !== 'up') return
    this.#queue = []
    this.#head = 0
  }

  #perform(operation: Operation): void {
    const { faults } = this.#server
    if (faults.hung && operation.kind === 'publish') {
      this.#limit(operation)
      this.#hung.push(operation)
      return
    }
    const drop = faults.active && operation.cut !== undefined ? faults.connectionDrop() : 'none'
    if (operation.timer !== undefined) this.#end(operation)
    if (drop !== 'before') operation.run(drop === 'none')
    if (drop === 'none') return
    const cause = connectionLost()
    operation.cut?.(cause)
    this.dropFor(faults.outage, cause)
  }

  #slowDown(operation: Operation): void {
    const now = this.clock.now()
    const readyAt = Math.max(this.#lastReady, now + this.#server.faults.operationDelay())
    if (readyAt <= now) return
    // In order: what was sent later arrives later.
    this.#lastReady = readyAt
    operation.readyAt = readyAt
    this.#limit(operation)
  }

  /** Everything that has to wait does so for a limited time. */
  #limit(operation: Operation): void {
    operation.timer ??= this.clock.setTimer(this.#server.options.operationTimeout, () => {
      operation.over = true
      const cause = new BusError('CONNECTION_LOST', 'the memory broker did not answer in time', {
        retryable: true,
      })
      operation.expired(cause)
    })
  }

  #end(operation: Operation): void {
    operation.over = true
    operation.timer?.cancel()
  }

  #waitFor(time: number): void {
    this.#delay ??= this.clock.setTimer(time - this.clock.now(), () => {
      this.#delay = undefined
      this.#drain()
    })
  }

  #cancelTimers(): void {
    this.#delay?.cancel()
    this.#outage?.cancel()
    this.#delay = undefined
    this.#outage = undefined
  }
}

const connectionClosed = () => new BusError('BUS_CLOSED', 'the connection to the memory broker is closed')
