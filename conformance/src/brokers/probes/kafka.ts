import { exchange, type Probe } from './probe.ts'

const FIND_COORDINATOR = { key: 10, version: 3 } as const
const LIST_GROUPS = { key: 16, version: 3 } as const

/**
 * Kafka takes connections well before it can serve groups: asking for a group's coordinator makes it create the topic
 * of offsets, and until that topic is loaded its first clients are refused with "coordinator is loading".
 */
export const probeKafka: Probe = async (url, signal) => {
  const findCoordinator = Buffer.concat([compactString('busbar-probe'), Buffer.from([0]), NO_TAGS])
  await ask(url, FIND_COORDINATOR, findCoordinator, signal)
  await ask(url, LIST_GROUPS, NO_TAGS, signal)
  return undefined
}

const NO_TAGS = Buffer.from([0])

/** Strings of the protocol's newer, "flexible" versions: the length plus one as a varint of one byte here. */
function compactString(text: string): Buffer {
  return Buffer.concat([Buffer.from([Buffer.byteLength(text) + 1]), Buffer.from(text)])
}

function ask(
  url: URL,
  api: { readonly key: number; readonly version: number },
  body: Buffer,
  signal: AbortSignal,
): Promise<true> {
  return exchange(url, 9092, encodeRequest(api, body), requireNoError, signal)
}

export function encodeRequest(api: { readonly key: number; readonly version: number }, body: Buffer): Buffer {
  const client = Buffer.from('busbar')
  const header = Buffer.alloc(14)
  header.writeInt16BE(api.key, 4)
  header.writeInt16BE(api.version, 6)
  header.writeInt32BE(1, 8)
  header.writeInt16BE(client.length, 12)
  const request = Buffer.concat([header, client, NO_TAGS, body])
  request.writeInt32BE(request.length - 4, 0)
  return request
}

/** Both answers are: length, correlation id, tags, throttle time, and then the error code. */
export function requireNoError(received: Buffer): true | undefined {
  if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return undefined
  const code = received.readInt16BE(4 + 4 + 1 + 4)
  if (code !== 0) throw new Error(`Kafka answered with error ${code}: its coordinator is not ready`)
  return true
}
