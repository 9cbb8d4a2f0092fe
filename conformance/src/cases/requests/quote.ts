import { request } from '@busbar/core'
import { fields } from '../support/standard-schema.ts'

/** The request most of these cases make: what does this article cost? */
export const Quote = request('com.example.pricing.quote', {
  topic: 'pricing',
  input: fields<{ sku: string }>({ sku: 'string' }),
  output: fields<{ sku: string; cents: number }>({ sku: 'string', cents: 'number' }),
  errors: { NOT_FOUND: fields<{ sku: string }>({ sku: 'string' }) },
})

export const price = (sku: string): number => sku.length * 100

export const answer = (sku: string): { sku: string; cents: number } => ({ sku, cents: price(sku) })
