import { memoised } from './memo.ts'

/**
 * RFC 3986. `%` is a member of each class and its two digits are checked apart, so that no pattern nests one
 * repetition in another: matching stays linear in the input.
 */
const SEGMENT = "[A-Za-z0-9\\-._~!$&'()*+,;=:@%/]*"
const AUTHORITY =
  "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:%]*@)?(?:\\[[0-9A-Fa-fvV:.]+\\]|[A-Za-z0-9\\-._~!$&'()*+,;=%]*)(?::\\d*)?"
const HIERARCHY = `(?://${AUTHORITY}(?:/${SEGMENT})?|(?!//)${SEGMENT})`
const TAIL = "(?:\\?[A-Za-z0-9\\-._~!$&'()*+,;=:@%/?]*)?(?:#[A-Za-z0-9\\-._~!$&'()*+,;=:@%/?]*)?"

const URI = new RegExp(`^[A-Za-z][A-Za-z0-9+.\\-]*:${HIERARCHY}${TAIL}$`)
/** A relative reference's first segment has no colon: `a:b` would be a scheme. */
const RELATIVE = new RegExp(`^(?![^/?#]*:)${HIERARCHY}${TAIL}$`)
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/

/** Whether `text` is an absolute URI (RFC 3986), of any scheme, with or without a fragment. */
export const isUri: (text: string) => boolean = memoised(text => URI.test(text) && !BAD_ESCAPE.test(text))

/** Whether `text` is a URI or a relative reference (RFC 3986 section 4.1). */
export const isUriReference: (text: string) => boolean = memoised(
  text => (URI.test(text) || RELATIVE.test(text)) && !BAD_ESCAPE.test(text),
)
