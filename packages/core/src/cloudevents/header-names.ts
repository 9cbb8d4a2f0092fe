import { META, META_PREFIX, type MetaKey } from '../adapter/envelope.ts'

/** How one protocol's binding differs from the others. */
export interface HeaderBindingOptions {
  /** Comes before each attribute's name. */
  readonly prefix: string
  /** Prefixes that other senders use: read, never written. Default none. */
  readonly alsoRead?: readonly string[]
  /** Where the content type travels: as a property of the message, or as a header of this name. */
  readonly contentType: 'property' | { readonly header: string }
  /** What carries `datacontenttype` in binary mode: the content type itself, or a header as for any attribute. */
  readonly dataContentType: 'content-type' | 'attribute'
  /** `percent-lenient` takes a value that cannot be decoded as it stands, for SDKs that never encode. */
  readonly values: 'plain' | 'percent' | 'percent-lenient'
  /** Whether header names are the same in any case. */
  readonly caseInsensitive: boolean
  /** Whether a message without a body can be told from one with an empty body. */
  readonly emptyBody: 'distinct' | 'absent'
  /**
   * Foreign header values of bytes: kept; read as text whenever they are UTF-8, where all values are bytes on the
   * wire; or refused on writing, where all values are text.
   */
  readonly foreignBytes: 'keep' | 'text-if-utf8' | 'refuse'
  /** Attribute values of bytes are UTF-8; what is not is an error, or a Binary attribute in base64. */
  readonly attributeBytes: 'utf8' | 'utf8-or-base64'
  /** A message without attributes and content type: no event, or perhaps a structured one (sdk-go over core NATS). */
  readonly unmarked: 'refuse' | 'structured'
}

/** What a header is to Busbar. `reserved`: named like metadata but not on the closed list; dropped. */
export type HeaderRole =
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'meta'; readonly key: MetaKey }
  | { readonly kind: 'content-type' | 'reserved' | 'foreign' }

export interface HeaderNames {
  ofAttribute(name: string): string
  roleOf(header: string): HeaderRole
}

/** Names come from senders: what has been worked out is kept only up to this many. */
const REMEMBERED = 512

const CONTENT_TYPE: HeaderRole = { kind: 'content-type' }
const RESERVED: HeaderRole = { kind: 'reserved' }
const FOREIGN: HeaderRole = { kind: 'foreign' }
const META_KEYS: ReadonlyMap<string, MetaKey> = new Map(Object.values(META).map(key => [key, key]))

/** Translates between header names and what they mean, remembering both ways. */
export function headerNames(options: HeaderBindingOptions): HeaderNames {
  const { prefix, caseInsensitive } = options
  const fold = (name: string) => (caseInsensitive ? name.toLowerCase() : name)
  const prefixes = [prefix, ...(options.alsoRead ?? [])].map(fold)
  const contentType = options.contentType === 'property' ? undefined : fold(options.contentType.header)
  const headers = new Map<string, string>()
  const roles = new Map<string, HeaderRole>()

  function classify(header: string): HeaderRole {
    const name = fold(header)
    if (name === contentType) return CONTENT_TYPE
    const key = META_KEYS.get(name)
    if (key !== undefined) return { kind: 'meta', key }
    if (name.startsWith(META_PREFIX)) return RESERVED
    const found = prefixes.find(each => name.startsWith(each))
    return found === undefined ? FOREIGN : { kind: 'attribute', name: name.slice(found.length) }
  }

  return {
    ofAttribute: name => headers.get(name) ?? remember(headers, name, prefix + name),
    roleOf: header => roles.get(header) ?? remember(roles, header, classify(header)),
  }
}

function remember<T>(table: Map<string, T>, name: string, value: T): T {
  if (table.size < REMEMBERED && name.length <= 64) table.set(name, value)
  return value
}
