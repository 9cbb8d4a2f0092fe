/**
 * `target` with some members replaced. A proxy and not a copy: adapters are classes with private state as often as
 * plain objects, and their methods must see themselves as `this`. The proxy stands before an empty object, because one
 * before a frozen target could not show other values.
 */
export function overlay<T extends object>(target: T, replaced: Partial<T>): T {
  const source = (name: string | symbol): object => (Object.hasOwn(replaced, name) ? replaced : target)
  return new Proxy({} as T, {
    get(_, name) {
      const value: unknown = Reflect.get(source(name), name)
      if (typeof value !== 'function' || source(name) !== target) return value
      // Not `bind`: V8's `await using` takes a bound function for none.
      return (...given: unknown[]) => Reflect.apply(value, target, given)
    },
    set: (_, name, value) => Reflect.set(target, name, value),
    has: (_, name) => name in replaced || name in target,
    ownKeys: () => [...new Set([...Reflect.ownKeys(target), ...Reflect.ownKeys(replaced)])],
    getOwnPropertyDescriptor(_, name) {
      const found = Reflect.getOwnPropertyDescriptor(source(name), name)
      return found && { ...found, configurable: true }
    },
    getPrototypeOf: () => Reflect.getPrototypeOf(target),
  })
}
