/**
 * Writes data/orders.jsonl: the orders of one busy morning in a tea shop, always the same ones.
 *
 *   node scripts/generate-orders.ts > data/orders.jsonl
 */
import { Buffer } from 'node:buffer'

const ORDERS = 300
const ARTICLES = ['tea-green', 'tea-black', 'cup-stone', 'pot-iron', 'tin-small']
const CUSTOMERS = ['ada', 'grace', 'edsger', 'barbara', 'tony', 'frances', 'niklaus', 'radia']

/** The article that pricing does not know until the fix. */
const FORGOTTEN = 'whisk-bamboo'
const BROKEN: ReadonlyMap<number, string> = new Map([
  [
    40,
    '{"specversion":"1.0","id":"broken-1","source":"/shop","type":"com.example.orders.order.placed","data":{',
  ],
  [
    110,
    '{"specversion":"1.0","source":"/shop","type":"com.example.orders.order.placed","data":{"orderId":"no-id"}}',
  ],
  [
    170,
    '{"specversion":"1.0","id":"broken-3","source":"/shop","type":"com.example.orders.order.placed","datacontenttype":"application/json","data":{"orderId":"order-x","customer":"nobody","items":[],"payment":{"method":"card"}}}',
  ],
  [
    230,
    '{"specversion":"1.0","id":"broken-4","source":"/shop","type":"com.example.orders.order.teleported","datacontenttype":"application/json","data":{"orderId":"order-y"}}',
  ],
  [
    260,
    '{"specversion":"1.0","id":"placed-0001","source":"/shop","type":"com.example.orders.order.placed","datacontenttype":"application/json","data":{"orderId":"order-0001","customer":"ada@example.com","items":[{"sku":"tea-green","quantity":1}],"payment":{"method":"card"}}}',
  ],
  [
    280,
    '{"specversion":"1.0","id":"broken-6","source":"/shop","type":"com.example.orders.order.placed","time":"yesterday","datacontenttype":"application/json","data":{"orderId":"order-z","customer":"ada@example.com","items":[{"sku":"tea-green","quantity":1}],"payment":{"method":"card"}}}',
  ],
])

const lines: string[] = []
for (let n = 1; n <= ORDERS; n++) {
  const orderId = `order-${String(n).padStart(4, '0')}`
  const broken = BROKEN.get(n)
  if (broken !== undefined) lines.push(broken)
  const time = new Date(Date.UTC(2026, 0, 12, 8, 0, n * 7)).toISOString()
  const first = n === 137 ? FORGOTTEN : ARTICLES[n % ARTICLES.length]
  const items = [{ sku: first, quantity: 1 + (n % 3) }]
  if (n % 4 === 0) items.push({ sku: ARTICLES[(n * 3) % ARTICLES.length], quantity: 1 })
  const payment = {
    method: n % 100 === 50 ? 'gift-card' : 'card',
    // Every tenth payment fails once, every thirtieth twice.
    ...(n % 30 === 0 ? { declines: 2 } : n % 10 === 5 ? { declines: 1 } : {}),
  }
  const customer = `${CUSTOMERS[n % CUSTOMERS.length]}@example.com`
  lines.push(event(`placed-${orderId.slice(6)}`, 'placed', time, { orderId, customer, items, payment }))
  if (n % 6 !== 0) continue
  for (let revision = 1; revision <= 1 + (n % 4 === 0 ? 1 : 0); revision++) {
    const note = revision === 1 ? 'Please ring twice.' : 'Leave it with the neighbour – 谢谢.'
    lines.push(event(`amended-${orderId.slice(6)}-${revision}`, 'amended', time, { orderId, revision, note }))
  }
}
process.stdout.write(Buffer.from(`${lines.join('\n')}\n`))

function event(id: string, what: string, time: string, data: object): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: '/shop',
    type: `com.example.orders.order.${what}`,
    time,
    datacontenttype: 'application/json',
    data,
  })
}
