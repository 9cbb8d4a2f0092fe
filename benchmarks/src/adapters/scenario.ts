import type { Case } from '../measure.ts'
import { busbarPeer } from './busbar-peer.ts'
import type { Connection, Peer } from './peer.ts'

const CALLERS = [1, 16, 256, 1_000]
const ASKERS = [1, 64]

/** Enough to last a while, few enough for a stream of single publishes to end. */
const countFor = (callers: number) => (callers === 1 ? 2_000 : 20_000)

let destinations = 0

/** Publish, consume and request-reply over one broker: Busbar beside the raw driver, in turns, in one run. */
export function adapterScenario(url: string, mode: 'binary' | 'structured', raw: Peer): readonly Case[] {
  const peers = [busbarPeer(url, mode), raw]
  const each = (group: string, events: number, work: Work) =>
    peers.map(peer => caseOf(peer, group, events, work))
  return [
    ...CALLERS.flatMap(callers =>
      each(`publish, ${callers} callers`, countFor(callers), {
        run: (connection, events) => inTurns(callers, events, () => connection.publish()),
      }),
    ),
    ...each('consume', 20_000, {
      before: (connection, events) => inTurns(1_000, events, () => connection.publish()),
      run: (connection, events) => connection.consume(events),
    }),
    ...ASKERS.flatMap(askers =>
      each(`request-reply, ${askers} askers`, askers === 1 ? 1_000 : 10_000, {
        before: connection => connection.respond(),
        run: (connection, events) => inTurns(askers, events, () => connection.ask()),
      }),
    ),
  ]
}

interface Work {
  before?(connection: Connection, events: number): Promise<void>
  run(connection: Connection, events: number): Promise<void>
}

const caseOf = (peer: Peer, group: string, events: number, work: Work): Case => ({
  group,
  name: peer.name,
  events,
  async prepare() {
    const connection = await peer.open(`bench-${process.pid}-${++destinations}`)
    await work.before?.(connection, events)
    return { run: () => work.run(connection, events), end: () => connection.close() }
  },
})

/** `callers` at a time, each waiting for its own before the next. */
async function inTurns(callers: number, events: number, once: () => Promise<unknown>): Promise<void> {
  let left = events
  const caller = async () => {
    while (left-- > 0) await once()
  }
  await Promise.all(Array.from({ length: callers }, caller))
}
