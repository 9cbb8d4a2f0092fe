/**
 * `object` with some members of its own. The object itself serves the rest, since classes may keep what they need in private
 * fields that only it can reach.
 */
export function overriding<T extends object>(object: T, members: Partial<T>): T {
  return new Proxy(object, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return members[name as keyof T]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
