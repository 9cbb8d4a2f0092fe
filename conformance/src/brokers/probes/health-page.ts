import type { Probe } from './probe.ts'

/** A server over HTTP that tells its health, and in some cases its version, at a path of its own. */
export function probeHealthPage(path: string): Probe {
  return async (url, signal) => {
    const response = await fetch(new URL(path, url), { signal })
    if (!response.ok) throw new Error(`${path} answered ${response.status}`)
    const page = (await response.json()) as { readonly version?: unknown }
    return typeof page.version === 'string' ? page.version : undefined
  }
}
