import { Quote } from './contracts.ts'
import type { Service } from './service.ts'

const CENTS: Readonly<Record<string, number>> = {
  'tea-green': 790,
  'tea-black': 690,
  'cup-stone': 1_450,
  'pot-iron': 5_900,
  'tin-small': 450,
}

/** Answers what an order costs. */
export async function startPricing({ bus }: Pick<Service, 'bus'>) {
  const catalogue = new Map(Object.entries(CENTS))
  await bus.respond(Quote, { group: 'pricing' }, ({ input, fail }) => {
    let cents = 0
    for (const { sku, quantity } of input.items) {
      const price = catalogue.get(sku)
      if (price === undefined) return fail('UNKNOWN_SKU', { sku })
      cents += price * quantity
    }
    return { cents }
  })
  return {
    /** The fix, later in the demo: the article that somebody forgot to enter. */
    addForgottenArticle: () => void catalogue.set('whisk-bamboo', 1_990),
  }
}
