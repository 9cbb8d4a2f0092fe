import { memoised } from './memo.ts'

/** How data travels: as JSON text, as UTF-8 text, or as the bytes they are. */
export type DataKind = 'json' | 'text' | 'binary'

export interface ContentTypeFacts {
  /** Whether it is a media type at all (RFC 2046: `type/subtype`, parameters after a semicolon). */
  readonly valid: boolean
  /** How a reader without further notice takes data of this type. */
  readonly kind: DataKind
  /** A charset other than UTF-8 and its subset ASCII; undefined otherwise. */
  readonly foreignCharset: string | undefined
}

const MEDIA_TYPE = /^([\w!#$&^.+-]+)\/([\w!#$&^.+-]+)[ \t]*(?:;([\x20-\x7e\t]*))?$/
const CHARSET = /(?:^|;)[ \t]*charset[ \t]*=[ \t]*"?([^\s";]+)/i

/** Textual although their type does not say so. */
const TEXTUAL =
  /^application\/(?:xml|xml-dtd|javascript|ecmascript|yaml|x-yaml|toml|sql|graphql|x-www-form-urlencoded|x-ndjson|jsonl)$/

function examine(contentType: string): ContentTypeFacts {
  const parts = MEDIA_TYPE.exec(contentType)
  if (parts === null) return { valid: false, kind: 'binary', foreignCharset: undefined }
  const type = (parts[1] ?? '').toLowerCase()
  const subtype = (parts[2] ?? '').toLowerCase()
  // JSON is UTF-8 whatever a charset parameter claims (RFC 8259 section 8.1).
  if (subtype === 'json' || subtype.endsWith('+json'))
    return { valid: true, kind: 'json', foreignCharset: undefined }
  const charset = CHARSET.exec(parts[3] ?? '')?.[1]?.toLowerCase()
  const foreignCharset = charset === undefined || /^(?:utf-?8|us-ascii)$/.test(charset) ? undefined : charset
  const textual = type === 'text' || /\+(?:xml|yaml)$/.test(subtype) || TEXTUAL.test(`${type}/${subtype}`)
  // Text in another charset reaches the handler as the bytes it is: decoding it as UTF-8 would garble it.
  return { valid: true, kind: textual && foreignCharset === undefined ? 'text' : 'binary', foreignCharset }
}

export const contentTypeFacts: (contentType: string) => ContentTypeFacts = memoised(examine)

/** The kind of data that `datacontenttype` alone implies: JSON when it is absent, as the specification says. */
export function defaultKind(contentType: string | undefined): DataKind {
  if (contentType === undefined || contentType === 'application/json') return 'json'
  return contentTypeFacts(contentType).kind
}
