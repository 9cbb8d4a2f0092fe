import { readFileSync } from 'node:fs'

/** Whether this process may install Debian packages: the one place where an engine and images are made from nothing. */
export function isRootOnDebian(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && isDebian(readOsRelease())
}

/** True for Debian itself: a derivative has other releases and other package names. */
export function isDebian(osRelease: string): boolean {
  return /^ID="?debian"?$/m.test(osRelease)
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    return ''
  }
}
