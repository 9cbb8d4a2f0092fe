import { memory, MemoryBroker } from '/work/main/adapters/memory/src/index.ts'
import { systemClock, systemRandom } from '/work/main/packages/core/src/time/index.ts'
import { sizeOf } from '/work/main/adapters/memory/src/size.ts'
const body = new Uint8Array(256)
const mk = (i: number, dedupe = true) => ({ to: { kind: 'topic', topic: 'orders', partition: 0 }, key: 'k' + (i % 100), ...(dedupe ? { dedupeId: Buffer.from('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + i).toString('latin1') } : {}),
  envelope: { attributes: { specversion: '1.0', id: 'id-' + i, source: '/orders', type: 'com.example.orders.order.placed', time: '2026-01-01T00:00:00Z', datacontenttype: 'application/json', partitionkey: 'k' + (i % 100) }, body, meta: { 'busbar-data': 'json' }, headers: [] } }) as any
const ordering = (process.argv[2] ?? 'none') as any
const broker = new MemoryBroker()
const conn = await memory({ broker }).connect({ clock: systemClock, random: systemRandom, prefix: '', clientName: 'x', logger: console as any, onError: console.error, onState() {} })
await conn.topology({ topics: [{ topic: 'orders', ordered: ordering === 'key', partitions: 4 }], groups: [] }, 'declare')
let got = 0
const N = 20_000
let settleNs = 0
const sub = await conn.subscribe({ kind: 'events', topic: 'orders', group: 'g', start: 'new', ordering, partitions: 4, lease: 30000, maxWindow: 2000 }, s => ({
  deliver(b) { got += b.length; s.settle(b.map(delivery => ({ kind: 'ack', delivery }))) }, settled() {}, revoking: async () => {}, lost() {}, state() {} }))
sub.window(0)
for (let round = 0; round < 40; round++) {
  const batches: any[] = []
  for (let i = 0; i < N; i += 250) batches.push(Array.from({ length: 250 }, (_, j) => mk(round * N + i + j)))
  let t = process.hrtime.bigint()
  for (const b of batches) await conn.publish(b)
  const pub = Number(process.hrtime.bigint() - t) / N
  got = 0
  t = process.hrtime.bigint()
  sub.window(1000)
  while (got < N) await new Promise<void>(r => queueMicrotask(r))
  await sub.flush({ signal: new AbortController().signal })
  const con = Number(process.hrtime.bigint() - t) / N
  sub.window(0)
  // live
  const live: any[] = []
  for (let i = 0; i < N; i += 250) live.push(Array.from({ length: 250 }, (_, j) => mk(round * N + i + j + 1e8)))
  got = 0; sub.window(1000)
  t = process.hrtime.bigint()
  for (const b of live) await conn.publish(b)
  await sub.flush({ signal: new AbortController().signal }); while (got < N) await new Promise<void>(r => queueMicrotask(r))
  const both = Number(process.hrtime.bigint() - t) / N
  sub.window(0); await new Promise(r => setImmediate(r))
  t = process.hrtime.bigint(); let sum = 0
  for (const b of live) for (const m of b) sum += sizeOf(m)
  const size = Number(process.hrtime.bigint() - t) / N
  if (round > 35) console.log({ pub: pub | 0, con: con | 0, both: both | 0, sizeOf: size | 0 }, broker.inspect().messages, broker.inspect().bytes)
}
process.exit(0)
