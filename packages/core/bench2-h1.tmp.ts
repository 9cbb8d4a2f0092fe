import { isTimestamp } from './src/cloudevents/timestamp.ts'
import { isUriReference, isUri } from './src/cloudevents/uri.ts'
import { forbiddenCodePoint } from './src/cloudevents/unicode.ts'
import { contentTypeFacts } from './src/cloudevents/content-type.ts'
import { valueIssue, nameIssue } from './src/cloudevents/attributes.ts'
let n = 0
const time = (name: string, f: (i: number) => unknown, N = 500000) => {
  let s = 0
  for (let i = 0; i < N / 4; i++) if (f(i)) s++
  let best = 1e9
  for (let r = 0; r < 4; r++) { const t = process.hrtime.bigint(); for (let i = 0; i < N; i++) if (f(i)) s++; best = Math.min(best, Number(process.hrtime.bigint() - t) / N) }
  console.log(name.padEnd(40), best.toFixed(1), 'ns', s > 0 ? '' : '.')
}
const times = Array.from({ length: 1000 }, (_, i) => `2026-01-31T12:00:00.123${100000 + i}Z`)
const ids = Array.from({ length: 1000 }, (_, i) => Buffer.from(`9c1e2f3a-7b4d-4c5e-8f6a-${100000000000 + i}`).toString())
const jsons = Array.from({ length: 1000 }, (_, i) => JSON.stringify({ id: 'order-18273645', customer: { id: 4711 + i, name: 'Ada Lovelace', vip: true }, total: 129.95, currency: 'EUR', lines: [{ sku: 'A-1', quantity: 2, cents: 4995 }, { sku: 'B-2', quantity: 1, cents: 3005 }] }))
time('timestamp', i => isTimestamp(times[i % 1000]!))
time('forbidden', i => forbiddenCodePoint(ids[i % 1000]!) === undefined)
const src = Buffer.from('/orders/eu-west-1').toString()
time('uriref', i => isUriReference(src))
time('uri', i => isUri('https://example.com/schemas/order/v3'))
time('ct', i => contentTypeFacts('application/json'))
time('name', i => nameIssue('partitionkey') === undefined)
time('valueIssue id', i => valueIssue('id', ids[i % 1000]!) === undefined)
time('Buffer.from', i => Buffer.from(jsons[i % 1000]!, 'utf8'))
time('allocUnsafe+utf8Write', i => { const s = jsons[i % 1000]!; const b = Buffer.allocUnsafe(s.length); return b.utf8Write(s, 0, s.length) })
time('allocUnsafe+latin1', i => { const s = jsons[i % 1000]!; const b = Buffer.allocUnsafe(s.length); return b.latin1Write(s, 0, s.length) })
time('isOneByte via regex', i => /^[\x00-\x7f]*$/.test(jsons[i % 1000]!))
const ws = new WeakSet<object>()
time('Buffer.from+weakset', i => { const b = Buffer.from(jsons[i % 1000]!, 'utf8'); ws.add(b); return b })
const K = Symbol('k')
time('Buffer.from+prop', i => { const b = Buffer.from(jsons[i % 1000]!, 'utf8') as any; b[K] = true; return b })
time('includes x2', i => jsons[i % 1000]!.includes('null') || jsons[i % 1000]!.includes('{}'))
const PA = /^[\x20-\x7e]*$/
const loop = (s: string) => { for (let i = 0; i < s.length; i++) { const c = s.charCodeAt(i); if (c < 0x20 || c > 0x7e) return false } return true }
time('regex ascii', i => PA.test(ids[i % 1000]!))
time('loop ascii', i => loop(ids[i % 1000]!))
const BAD = /[^\x20-\x7e]/
time('regex neg', i => !BAD.test(ids[i % 1000]!))
const bufs = jsons.map(j => Buffer.from(j))
time('toString', i => bufs[i % 1000]!.toString('utf8'))
time('utf8Slice', i => (bufs[i % 1000]! as any).utf8Slice())
time('latin1Slice', i => (bufs[i % 1000]! as any).latin1Slice())
time('toString+includes fffd', i => !bufs[i % 1000]!.toString('utf8').includes('\ufffd'))
