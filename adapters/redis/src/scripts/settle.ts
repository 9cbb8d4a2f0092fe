import { COPY, NOW, OWNS, script } from './script.ts'

/**
 * Releases, retries and dead-letters entries: the copy and the acknowledgement in one atomic step, for whoever still owns
 * them. The body is copied at the server.
 *
 * KEYS main, inbox, delayed, delayed bodies, dead letters, marks
 * ARGV group, consumer, then for each: kind (l, r, d), stream (1, 2), id, not before, number of extra fields, extra fields
 * Returns for each `done`, `lost`, `gone` (pending, but somebody has deleted the entry), or `-error`.
 */
export const SETTLE = script(
  'settle',
  `${NOW}${OWNS}${COPY}
local group, consumer = ARGV[1], ARGV[2]
local t = now()
local out = {}
local i = 3
while ARGV[i] do
  local kind, stream, id, due = ARGV[i], KEYS[tonumber(ARGV[i + 1])], ARGV[i + 2], tonumber(ARGV[i + 3])
  local last = i + 4 + tonumber(ARGV[i + 4])
  if not owns(stream, group, consumer, id) then
    out[#out + 1] = 'lost'
  else
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if not entry then
      out[#out + 1] = 'gone'
    else
      local fields = copied(entry[2], {unpack(ARGV, i + 5, last)})
      local written
      if kind == 'd' then
        written = redis.pcall('XADD', KEYS[5], '*', unpack(fields))
      elseif kind == 'r' and due > t then
        local member = string.format('r%012d', redis.call('HINCRBY', KEYS[4], 'last', 1))
        written = redis.pcall('HSET', KEYS[4], member, cmsgpack.pack(fields))
        if type(written) ~= 'table' then redis.call('ZADD', KEYS[3], ARGV[i + 3], member) end
      else
        written = redis.pcall('XADD', KEYS[2], '*', unpack(fields))
      end
      if type(written) == 'table' and written.err then
        out[#out + 1] = '-' .. written.err
      else
        redis.call('XACK', stream, group, id)
        if stream == KEYS[2] then redis.call('XDEL', stream, id) end
        redis.call('HDEL', KEYS[6], ARGV[i + 1] .. id)
        out[#out + 1] = 'done'
      end
    end
  end
  i = last + 1
end
return out
`,
)

/** KEYS main, inbox, marks. ARGV as EXTEND. Returns `1` for each that was still owned, and is acknowledged. */
export const ACK = script(
  'ack',
  `${OWNS}
local out = {}
for i = 3, #ARGV, 2 do
  local stream = KEYS[tonumber(ARGV[i])]
  local mine = owns(stream, ARGV[1], ARGV[2], ARGV[i + 1])
  if mine then
    redis.call('XACK', stream, ARGV[1], ARGV[i + 1])
    if stream == KEYS[2] then redis.call('XDEL', stream, ARGV[i + 1]) end
    redis.call('HDEL', KEYS[3], ARGV[i] .. ARGV[i + 1])
  end
  out[#out + 1] = mine and 1 or 0
end
return out
`,
)

/** KEYS main, inbox. ARGV group, consumer, then stream (1, 2) and id for each. Returns `1` for each that is still owned. */
export const EXTEND = script(
  'extend',
  `${OWNS}
local out = {}
for i = 3, #ARGV, 2 do
  local stream = KEYS[tonumber(ARGV[i])]
  local mine = owns(stream, ARGV[1], ARGV[2], ARGV[i + 1])
  if mine then redis.call('XCLAIM', stream, ARGV[1], ARGV[2], 0, ARGV[i + 1], 'JUSTID') end
  out[#out + 1] = mine and 1 or 0
end
return out
`,
)

/** KEYS main, inbox, marks. ARGV as EXTEND. Returns `1` for each that was marked. */
export const MARK = script(
  'mark',
  `${OWNS}
local out = {}
for i = 3, #ARGV, 2 do
  local mine = owns(KEYS[tonumber(ARGV[i])], ARGV[1], ARGV[2], ARGV[i + 1])
  if mine then redis.call('HINCRBY', KEYS[3], ARGV[i] .. ARGV[i + 1], 1) end
  out[#out + 1] = mine and 1 or 0
end
return out
`,
)
