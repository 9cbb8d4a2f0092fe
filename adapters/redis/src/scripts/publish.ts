import { NOW, script } from './script.ts'

/**
 * Stores a batch in one stream, in order. After the first refusal nothing more is stored, so that no later event of a key
 * overtakes an earlier one. A second copy within the window is recognised by its id, in one of two hashes that take turns:
 * far smaller than a key for each publish.
 *
 * KEYS stream, delayed, delayed bodies, dedupe, groups, broadcast readers
 * ARGV dedupe window, then for each message: dedupe id, not before, must route, number of fields, fields
 * Returns for each message `+id`, `=id` for a duplicate, `?` for nobody there, `-error`.
 */
export const PUBLISH = script(
  'publish',
  `${NOW}
local window = tonumber(ARGV[1])
local t = now()
local current, previous
if window > 0 then
  local bucket = math.floor(t / window)
  current = KEYS[4] .. ':' .. string.format('%d', bucket)
  previous = KEYS[4] .. ':' .. string.format('%d', bucket - 1)
end
local out = {}
local refusal
local i = 2
while ARGV[i] do
  local dedupe = ARGV[i]
  local due = tonumber(ARGV[i + 1])
  local first = i + 4
  local last = i + 3 + tonumber(ARGV[i + 3])
  local seen = false
  if window > 0 and dedupe ~= '' then
    seen = redis.call('HGET', current, dedupe) or redis.call('HGET', previous, dedupe)
  end
  if refusal then
    out[#out + 1] = refusal
  elseif seen then
    out[#out + 1] = '=' .. seen
  elseif ARGV[i + 2] == '1' and redis.call('HLEN', KEYS[5]) == 0
    and redis.call('ZCOUNT', KEYS[6], string.format('%d', t), '+inf') == 0 then
    out[#out + 1] = '?'
  else
    local id
    if due > t then
      local number = redis.call('HINCRBY', KEYS[3], 'last', 1)
      id = string.format('d%012d', number)
      local stored = redis.pcall('HSET', KEYS[3], id, cmsgpack.pack({unpack(ARGV, first, last)}))
      if type(stored) == 'table' and stored.err then id = stored
      else redis.call('ZADD', KEYS[2], ARGV[i + 1], id) end
    else
      id = redis.pcall('XADD', KEYS[1], '*', unpack(ARGV, first, last))
    end
    if type(id) == 'table' then
      refusal = '-' .. id.err
      out[#out + 1] = refusal
    else
      if window > 0 and dedupe ~= '' and redis.call('HSET', current, dedupe, id) == 1
        and redis.call('HLEN', current) == 1 then
        redis.call('PEXPIRE', current, string.format('%d', window * 2))
      end
      out[#out + 1] = '+' .. id
    end
  end
  i = last + 1
end
return out
`,
)

/**
 * KEYS responders (members are the list's key, a line feed, and the responder; scored by when they are taken for dead)
 * ARGV time to live in ms, frame, once for each request
 * Returns for each request how many groups got it.
 */
export const REQUEST = script(
  'request',
  `${NOW}
local t = string.format('%d', now())
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t)
local lists, known = {}, {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local list = string.match(member, '^[^\\n]+')
  if not known[list] then
    known[list] = true
    lists[#lists + 1] = list
  end
end
local out = {}
for i = 1, #ARGV, 2 do
  for _, list in ipairs(lists) do
    redis.call('RPUSH', list, ARGV[i + 1])
    if redis.call('PTTL', list) < tonumber(ARGV[i]) then redis.call('PEXPIRE', list, ARGV[i]) end
  end
  out[#out + 1] = #lists
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

/**
 * Lets go of what every group is done with and retention no longer covers. By id, never by length alone: an entry that a
 * group has not settled, or not even read, stays.
 *
 * KEYS stream. ARGV entries to keep for replay (-1: no limit), milliseconds (-1), at most so many at once, bytes (-1).
 */
export const TRIM = script(
  'trim',
  `${NOW}
local stream = KEYS[1]
if redis.call('EXISTS', stream) == 0 then return 0 end
local function before(a, b)
  local am, as = string.match(a, '^(%d+)%-(%d+)$')
  local bm, bs = string.match(b, '^(%d+)%-(%d+)$')
  am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
  return am < bm or (am == bm and as < bs)
end
local needed
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = {}
  for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
  local low
  if group['pending'] > 0 then
    low = redis.call('XPENDING', stream, group['name'])[2]
  else
    local read = group['last-delivered-id']
    local ms, seq = string.match(read, '^(%d+)%-(%d+)$')
    low = #seq > 15 and string.format('%d-0', ms + 1) or string.format('%s-%d', ms, seq + 1)
  end
  if not needed or before(low, needed) then needed = low end
end
local length = redis.call('XLEN', stream)
local count, age, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bytes = tonumber(ARGV[4])
if bytes >= 0 and length > 0 then
  local fit = math.floor(length * bytes / redis.call('MEMORY', 'USAGE', stream))
  if count < 0 or fit < count then count = fit end
end
local bound
if count >= 0 and length > count then
  local excess = math.min(length - count, limit)
  local chunk = redis.call('XRANGE', stream, '-', '+', 'COUNT', excess + 1)
  bound = chunk[excess + 1] and chunk[excess + 1][1]
  if not bound and count == 0 then bound = needed or '18446744073709551615-0' end
end
if age >= 0 then
  local old = string.format('%d-0', now() - age)
  if not bound or before(bound, old) then bound = old end
end
if not bound then return 0 end
if needed and before(needed, bound) then bound = needed end
return redis.call('XTRIM', stream, 'MINID', bound)
`,
)
