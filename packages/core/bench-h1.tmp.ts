import { HTTP, CloudEvent } from 'cloudevents'
import { encodeEvent, decodeEvent, encodeStructured, decodeStructured, validateAttributes, httpBinding, kafkaBinding } from './src/cloudevents/index.ts'
let n = 0
const make = () => ({ specversion: '1.0', id: `9c1e2f3a-7b4d-4c5e-8f6a-${String(100000000000 + n++)}`, source: '/orders/eu-west-1', type: 'com.example.orders.order.placed', subject: 'order-18273645', time: '2026-01-31T12:00:00.123456789Z', datacontenttype: 'application/json', dataschema: 'https://example.com/schemas/order/v3', partitionkey: 'customer-4711', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
 data: { id: 'order-18273645', customer: { id: 4711, name: 'Ada Lovelace', vip: true }, total: 129.95, currency: 'EUR', lines: [{ sku: 'A-1', quantity: 2, cents: 4995 }, { sku: 'B-2', quantity: 1, cents: 3005 }] } })
const time = (name: string, f: (i: number) => unknown, N = 200000) => {
  for (let i = 0; i < N / 4; i++) f(i)
  let best = 1e9
  for (let r = 0; r < 4; r++) { const t = process.hrtime.bigint(); for (let i = 0; i < N; i++) f(i); best = Math.min(best, Number(process.hrtime.bigint() - t) / N) }
  console.log(name.padEnd(40), (best / 1000).toFixed(3), 'us')
  return best
}
const events = Array.from({ length: 2000 }, make)
const envs = events.map(e => encodeEvent(e))
console.log('bytes', JSON.stringify(events[0]).length, 'data', envs[0]!.body!.length)
time('JSON.stringify(data)', i => JSON.stringify(events[i % 2000]!.data))
time('JSON.parse(data)', i => JSON.parse((envs[i % 2000]!.body as Buffer).toString()))
time('encodeEvent', i => encodeEvent(events[i % 2000]!))
time('validateAttributes', i => validateAttributes(envs[i % 2000]!.attributes))
time('decodeEvent', i => decodeEvent(envs[i % 2000]!))
time('encodeStructured (known)', i => encodeStructured(envs[i % 2000]!))
const foreign = envs.map(e => ({ ...e, body: Buffer.from(e.body!) }))
time('encodeStructured (unknown)', i => encodeStructured(foreign[i % 2000]!))
const docs = envs.map(e => encodeStructured(e))
time('decodeStructured', i => decodeStructured(docs[i % 2000]!))
time('decodeStructured+validate+decodeEvent', i => { const e = decodeStructured(docs[i % 2000]!); validateAttributes(e.attributes); decodeEvent(e) })
time('http write', i => httpBinding.write(envs[i % 2000]!, 'binary'))
const fresh = (s: string) => Buffer.from(s).toString()
const bound = envs.map(e => { const m = httpBinding.write(e, 'binary'); return { headers: m.headers.map(([a, b]) => [fresh(a), fresh(b as string)] as const), body: m.body } })
time('http read', i => httpBinding.read(bound[i % 2000]!))
const mine = time('http read+validate+decodeEvent', i => { const e = httpBinding.read(bound[i % 2000]!); validateAttributes(e.attributes); decodeEvent(e) })
const kb = envs.map(e => { const m = kafkaBinding.write(e, 'binary'); return { headers: m.headers.map(([a, b]) => [fresh(a), Buffer.from(b as string)] as const), body: m.body } })
time('kafka read (bytes)', i => kafkaBinding.read(kb[i % 2000]!))
const sdkBin = envs.map(e => { const m = httpBinding.write(e, 'binary'); return { headers: Object.fromEntries(m.headers) as Record<string, string>, body: (m.body as Buffer).toString() } })
const sdk = time('SDK HTTP.toEvent binary', i => HTTP.toEvent(sdkBin[i % 2000]!), 10000)
const sdkSt = docs.map(d => ({ headers: { 'content-type': 'application/cloudevents+json' }, body: (d as Buffer).toString() }))
time('SDK HTTP.toEvent structured', i => HTTP.toEvent(sdkSt[i % 2000]!), 10000)
const sdkEvents = events.map(e => new CloudEvent(e))
time('SDK HTTP.binary', i => HTTP.binary(sdkEvents[i % 2000]!), 10000)
console.log('decode x', (sdk / mine).toFixed(1))
