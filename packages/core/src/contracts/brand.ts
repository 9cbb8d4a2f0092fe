const BRAND = Symbol.for('@busbar/contract')

export type BrandName = 'topic' | 'event' | 'request'

/**
 * Marks and freezes a value. A registered symbol rather than a class or a visible field: two copies of this package
 * may be loaded in one process, and a raw event may have an attribute of any name.
 */
export function branded<T extends object>(brand: BrandName, value: T): Readonly<T> {
  Object.defineProperty(value, BRAND, { value: brand })
  return Object.freeze(value)
}

export function hasBrand(value: unknown, brand: BrandName): boolean {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === brand
}
