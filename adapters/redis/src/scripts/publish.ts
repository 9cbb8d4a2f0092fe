import { NOW, script } from './script.ts'

/**
 * Second copies within the window are recognised by their ids, in one of two sets that take turns: far smaller than a key for
 * each publish. Both are asked, and the newer one told, once for a whole batch.
 */
const DEDUPE = `
local window = tonumber(ARGV[1])
local current, previous
if window > 0 then
  local bucket = math.floor(now() / window)
  current = string.format('%s:%d', KEYS[2], bucket)
  previous = string.format('%s:%d', KEYS[2], bucket - 1)
end
local function remember(ids)
  if #ids > 0 and redis.call('SADD', current, unpack(ids)) == redis.call('SCARD', current) then
    redis.call('PEXPIRE', current, string.format('%d', window * 2))
  end
end
`

/**
 * Stores a batch in one stream, in order. After the first refusal nothing more is stored, so that no later event of a key
 * overtakes an earlier one.
 *
 * KEYS stream, dedupe. ARGV dedupe window, number of messages, a dedupe id for each if there is a window, then for each its number
 * of fields, and the fields. Returns for each its id, `=` for a duplicate, `-error`.
 */
export const STORE = script(
  'store',
  `${NOW}${DEDUPE}
local n = tonumber(ARGV[2])
local at = 3
local inCurrent, inPrevious, added, new = {}, {}, {}, {}
if window > 0 then
  at = at + n
  inCurrent = redis.call('SMISMEMBER', current, unpack(ARGV, 3, n + 2))
  inPrevious = redis.call('SMISMEMBER', previous, unpack(ARGV, 3, n + 2))
end
local out = {}
local refusal
for i = 1, n do
  local dedupe = window > 0 and ARGV[i + 2] or i
  local last = at + ARGV[at]
  if refusal then
    out[i] = refusal
  elseif inCurrent[i] == 1 or inPrevious[i] == 1 or added[dedupe] then
    out[i] = '='
  else
    local id = redis.pcall('XADD', KEYS[1], '*', unpack(ARGV, at + 1, last))
    if type(id) == 'table' then
      refusal = '-' .. id.err
      id = refusal
    elseif window > 0 then
      added[dedupe] = true
      new[#new + 1] = dedupe
    end
    out[i] = id
  end
  at = last + 1
end
remember(new)
return out
`,
)

/**
 * As STORE, for batches of which something is delayed or must reach somebody.
 *
 * KEYS stream, dedupe, delayed, delayed bodies, groups, broadcast readers
 * ARGV dedupe window, then for each message: dedupe id, not before, must route, number of fields, fields
 * Returns for each message what STORE returns, `d` for a delayed one, `?` for nobody there.
 */
export const STORE_SPECIAL = script(
  'store-special',
  `${NOW}${DEDUPE}
local t = now()
local out = {}
local refusal
local i = 2
while ARGV[i] do
  local dedupe, due = ARGV[i], tonumber(ARGV[i + 1])
  local first, last = i + 4, i + 3 + ARGV[i + 3]
  local id
  if refusal then
    id = refusal
  elseif window > 0 and (redis.call('SISMEMBER', current, dedupe) == 1 or redis.call('SISMEMBER', previous, dedupe) == 1) then
    id = '='
  elseif ARGV[i + 2] == '1' and redis.call('HLEN', KEYS[5]) == 0
    and redis.call('ZCOUNT', KEYS[6], string.format('%d', t), '+inf') == 0 then
    id = '?'
  else
    if due > t then
      local number = redis.call('HINCRBY', KEYS[4], 'last', 1)
      local member = string.format('d%012d', number)
      id = redis.pcall('HSET', KEYS[4], member, cmsgpack.pack({unpack(ARGV, first, last)}))
      if type(id) ~= 'table' then
        redis.call('ZADD', KEYS[3], ARGV[i + 1], member)
        id = 'd'
      end
    else
      id = redis.pcall('XADD', KEYS[1], '*', unpack(ARGV, first, last))
    end
    if type(id) == 'table' then
      refusal = '-' .. id.err
      id = refusal
    elseif window > 0 then
      remember({dedupe})
    end
  end
  out[#out + 1] = id
  i = last + 1
end
return out
`,
)

/**
 * Moves what is due from a delay to its stream. Any process may run it.
 *
 * KEYS delayed, delayed bodies, stream. ARGV at most so many.
 * Returns how many were moved, and when the next one is due (empty: none).
 */
export const PUMP = script(
  'pump',
  `${NOW}
local t = now()
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', t), 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local body = redis.call('HGET', KEYS[2], id)
  if body then redis.call('XADD', KEYS[3], '*', unpack(cmsgpack.unpack(body))) end
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {#due, next[2] and string.format('%d', next[2]) or '', string.format('%d', t)}
`,
)
