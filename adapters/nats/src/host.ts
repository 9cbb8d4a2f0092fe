/** The host of `host:port`, `[::1]:port` or a host alone. */
export function hostOf(server: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(server)
  if (bracketed?.[1] !== undefined) return bracketed[1]
  const colon = server.lastIndexOf(':')
  return colon === -1 || server.indexOf(':') !== colon ? server : server.slice(0, colon)
}
