import { encodeEvent, decodeStructured, encodeStructured } from './src/cloudevents/index.ts'
import { canonicalAttributes } from './src/cloudevents/encode.ts'
import { utf8Text } from './src/cloudevents/utf8.ts'
import { scanObject, valueEnd, plainString, stringEnd } from './src/cloudevents/json-scanner.ts'
let n = 0
const make = () => ({ specversion: '1.0', id: `9c1e2f3a-7b4d-4c5e-8f6a-${String(100000000000 + n++)}`, source: '/orders/eu-west-1', type: 'com.example.orders.order.placed', subject: 'order-18273645', time: '2026-01-31T12:00:00.123456789Z', datacontenttype: 'application/json', dataschema: 'https://example.com/schemas/order/v3', partitionkey: 'customer-4711', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
 data: { id: 'order-18273645', customer: { id: 4711, name: 'Ada Lovelace', vip: true }, total: 129.95, currency: 'EUR', lines: [{ sku: 'A-1', quantity: 2, cents: 4995 }, { sku: 'B-2', quantity: 1, cents: 3005 }] } })
const time = (name: string, f: (i: number) => unknown, N = 300000) => {
  for (let i = 0; i < N / 4; i++) f(i)
  let best = 1e9
  for (let r = 0; r < 4; r++) { const t = process.hrtime.bigint(); for (let i = 0; i < N; i++) f(i); best = Math.min(best, Number(process.hrtime.bigint() - t) / N) }
  console.log(name.padEnd(40), (best / 1000).toFixed(3), 'us')
}
const events = Array.from({ length: 2000 }, make)
time('canonicalAttributes', i => canonicalAttributes(events[i % 2000]!, []))
time('Object.keys', i => Object.keys(events[i % 2000]!))
time('for in', i => { let c = 0; for (const k in events[i % 2000]!) c += k.length; return c })
time('encodeEvent', i => encodeEvent(events[i % 2000]!))
const docs = events.map(e => encodeStructured(encodeEvent(e)))
const texts = docs.map(d => utf8Text(d)!)
time('utf8Text', i => utf8Text(docs[i % 2000]!))
time('scan only', i => scanObject(texts[i % 2000]!, 0, () => {}))
time('scan + slices', i => scanObject(texts[i % 2000]!, 0, (k, a, b) => texts[i % 2000]!.slice(a, b)))
time('scan + plainString', i => scanObject(texts[i % 2000]!, 0, (k, a, b) => k !== 'data' && plainString(texts[i % 2000]!, a, b)))
time('scan + plainString+set', i => { const o: any = {}; scanObject(texts[i % 2000]!, 0, (k, a, b) => { if (k !== 'data') o[k] = plainString(texts[i % 2000]!, a, b) }) })
time('decodeStructured', i => decodeStructured(docs[i % 2000]!))
time('JSON.parse', i => JSON.parse(texts[i % 2000]!))
const at = texts[0]!.indexOf('"data":') + 7
time('containerEnd', i => valueEnd(texts[i % 2000]!, at))
