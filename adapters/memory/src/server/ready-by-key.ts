import { Fifo } from '../structures/fifo.ts'
import { SortedDeque } from '../structures/sorted-deque.ts'
import type { Member } from './member.ts'
import type { QueueEntry } from './queue-entry.ts'
import type { ReadyQueue } from './ready-queue.ts'

/** The entries of one key. */
export interface KeyLane {
  readonly id: string
  readonly pending: SortedDeque<QueueEntry>
  /** Retries that wait for their time: the key waits with them. */
  held: number
  /** Unsettled, all of them with `owner`. */
  inFlight: number
  owner: Member | undefined
  /** The list it stands in, waiting for its turn; entries of other lists that name it are stale. */
  queuedIn: Fifo<KeyLane> | undefined
}

/**
 * By key: a key's next entry goes to the member that has its predecessors unsettled, or to anybody when there are
 * none; never past a retry. Keys take turns. Events without a key count as one key.
 */
export class ReadyByKey implements ReadyQueue {
  readonly #lanes = new Map<string, KeyLane>()
  /** Lanes that any member may take. */
  readonly #free = new Fifo<KeyLane>()
  /** Whether events of several topics meet here: the same key of two topics is two keys. */
  readonly #manyTopics: boolean
  #size = 0
  #ownTurn = false

  constructor(manyTopics: boolean) {
    this.#manyTopics = manyTopics
  }

  get size(): number {
    return this.#size
  }

  arrive(entry: QueueEntry): void {
    const { topic, key } = entry.message
    const id = this.#manyTopics ? `${topic} ${key ?? ''}` : (key ?? '')
    let lane = this.#lanes.get(id)
    if (lane === undefined) {
      lane = { id, pending: new SortedDeque(), held: 0, inFlight: 0, owner: undefined, queuedIn: undefined }
      this.#lanes.set(id, lane)
    }
    entry.lane = lane
    this.#queue(lane, entry)
  }

  take(member: Member): QueueEntry | undefined {
    this.#ownTurn = !this.#ownTurn
    const lane = this.#ownTurn
      ? (this.#next(member.lanes) ?? this.#next(this.#free))
      : (this.#next(this.#free) ?? this.#next(member.lanes))
    const entry = lane?.pending.shift()
    if (lane === undefined || entry === undefined) return undefined
    this.#size--
    lane.inFlight++
    lane.owner = member
    this.#offer(lane)
    return entry
  }

  done(entry: QueueEntry): void {
    const lane = entry.lane as KeyLane
    if (--lane.inFlight === 0) {
      lane.owner = undefined
      if (lane.queuedIn !== this.#free) lane.queuedIn = undefined
      if (lane.pending.size === 0 && lane.held === 0) {
        this.#lanes.delete(lane.id)
        return
      }
    }
    this.#offer(lane)
  }

  putBack(entry: QueueEntry): void {
    const lane = entry.lane as KeyLane
    lane.pending.insert(entry)
    this.#size++
    this.done(entry)
  }

  hold(entry: QueueEntry): void {
    const lane = entry.lane as KeyLane
    lane.held++
    this.done(entry)
  }

  resume(entry: QueueEntry): void {
    const { lane } = entry
    // Held before the queue became an ordered one: nothing waits for it.
    if (lane === undefined) this.arrive(entry)
    else {
      lane.held--
      this.#queue(lane, entry)
    }
  }

  clear(): QueueEntry[] {
    const all = [...this.#lanes.values()].flatMap(lane => lane.pending.clear())
    this.#size = 0
    return all.sort((a, b) => a.order - b.order)
  }

  #queue(lane: KeyLane, entry: QueueEntry): void {
    lane.pending.insert(entry)
    this.#size++
    this.#offer(lane)
  }

  /** Puts a lane in line where it may be taken from. */
  #offer(lane: KeyLane): void {
    if (lane.queuedIn !== undefined || lane.pending.size === 0 || lane.held > 0) return
    const { owner } = lane
    if (owner !== undefined && lane.inFlight >= share(owner)) return
    lane.queuedIn = owner === undefined ? this.#free : owner.lanes
    lane.queuedIn.push(lane)
  }

  #next(list: Fifo<KeyLane>): KeyLane | undefined {
    for (let lane = list.shift(); lane !== undefined; lane = list.shift()) {
      if (lane.queuedIn !== list) continue
      lane.queuedIn = undefined
      if (lane.pending.size > 0 && lane.held === 0) return lane
    }
    return undefined
  }
}

/** How much of a member's window one key may fill: its events run one at a time, so more would only displace other keys. */
const share = (member: Member) => Math.max(1, member.window >> 2)
