import { COPY, NOW, OWNS, script } from './script.ts'

/**
 * Groups of ordered topics. One event of a key is with a member at a time: who reads an entry locks its key, and the next
 * one of that key, which waits in the group, follows when the lock is given up. Entries stay where they are in the stream,
 * pending with a consumer that stands for the group itself, so that a retry keeps its place and its key's lock.
 *
 * KEYS main, inbox, marks, locks, waiting, ready, backoff, retry metadata, dead letters, wake
 */
const GATE = `${NOW}${OWNS}
local GROUP = '~group'
local function place(id)
  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
  return string.rep('0', 15 - #ms) .. ms .. string.rep('0', 20 - #seq) .. seq
end
local function keyOf(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'busbar-key' then return redis.sha1hex(fields[i + 1]) end
  end
  return redis.sha1hex('')
end
local function makeReady(ref) redis.call('ZADD', KEYS[6], 0, place(string.sub(ref, 2)) .. ref) end
local function unlock(key)
  local next = redis.call('ZRANGEBYLEX', KEYS[5], '[' .. key, '[' .. key .. '~', 'LIMIT', 0, 1)[1]
  if not next then
    redis.call('HDEL', KEYS[4], key)
    return
  end
  redis.call('ZREM', KEYS[5], next)
  local ref = string.sub(next, 76)
  redis.call('HSET', KEYS[4], key, ref)
  makeReady(ref)
end
local function wake() redis.call('XADD', KEYS[10], 'MAXLEN', 1, '*', 'w', '') end
`

/**
 * ARGV group, consumer, at most so many, entries to look at.
 * Returns {entries of [stream, id, deliveries, marks, fields, retry metadata], last id of main, of inbox, of wake, ms until the next retry}.
 */
export const TAKE = script(
  'take',
  `${GATE}
local group, me, count, budget = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local t = now()
local out = {}
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', string.format('%d', t), 'LIMIT', 0, budget)) do
  redis.call('ZREM', KEYS[7], ref)
  makeReady(ref)
end
local function deliver(s, id, deliveries, fields)
  local ref = s .. id
  redis.call('XCLAIM', KEYS[s], group, me, 0, id, 'JUSTID')
  out[#out + 1] = {s, id, deliveries, redis.call('HGET', KEYS[3], ref) or '0', fields, redis.call('HGET', KEYS[8], ref) or ''}
end
local function takeReady()
  while #out < count do
    local member = redis.call('ZPOPMIN', KEYS[6])[1]
    if not member then return end
    local ref = string.sub(member, 36)
    local s, id = tonumber(string.sub(ref, 1, 1)), string.sub(ref, 2)
    local p = redis.call('XPENDING', KEYS[s], group, id, id, 1)[1]
    local entry = p and redis.call('XRANGE', KEYS[s], id, id)[1]
    if entry then deliver(s, id, p[4], entry[2])
    else
      -- Somebody has deleted it, or settled it with another client: its key must not stay locked.
      redis.call('XACK', KEYS[s], group, id)
      local locks = redis.call('HGETALL', KEYS[4])
      for i = 1, #locks, 2 do if locks[i + 1] == ref then unlock(locks[i]) end end
    end
  end
end
takeReady()
for s = 2, 1, -1 do
  while #out < count and budget > 0 do
    local wanted = math.min(count - #out, budget)
    local read = redis.call('XREADGROUP', 'GROUP', group, GROUP, 'COUNT', wanted, 'STREAMS', KEYS[s], '>')
    local entries = read and read[1] and read[1][2] or {}
    for _, entry in ipairs(entries) do
      local key, ref = keyOf(entry[2]), s .. entry[1]
      if redis.call('HSETNX', KEYS[4], key, ref) == 1 then deliver(s, entry[1], 1, entry[2])
      else redis.call('ZADD', KEYS[5], 0, key .. place(entry[1]) .. ref) end
    end
    budget = budget - wanted
    if #entries < wanted then break end
  end
end
local function last(stream)
  if redis.call('EXISTS', stream) == 0 then return '0-0' end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then return info[i + 1] end end
end
local next = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')[2]
return {out, last(KEYS[1]), last(KEYS[2]), last(KEYS[10]), next and string.format('%d', math.max(0, next - t)) or ''}
`,
)

/**
 * ARGV group, consumer, then for each: kind (a, l, r, d), stream, id, not before, marks before this delivery, retry metadata,
 * number of extra fields, extra fields. Returns what SETTLE returns.
 */
export const SETTLE_ORDERED = script(
  'settle-ordered',
  `${GATE}${COPY}
local group, me = ARGV[1], ARGV[2]
local t = now()
local out = {}
local i = 3
while ARGV[i] do
  local kind, s, id = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local due, marks, meta = tonumber(ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5]
  local last = i + 6 + tonumber(ARGV[i + 6])
  local stream, ref = KEYS[s], s .. id
  if not owns(stream, group, me, id) then
    out[#out + 1] = 'lost'
  else
    local entry = redis.call('XRANGE', stream, id, id)[1]
    local result = 'done'
    if kind == 'd' and not entry then
      result = 'gone'
    elseif kind == 'd' then
      local written = redis.pcall('XADD', KEYS[9], '*', unpack(copied(entry[2], {unpack(ARGV, i + 7, last)})))
      if type(written) == 'table' then result = '-' .. written.err end
    end
    if result == 'done' and (kind == 'a' or kind == 'd') then
      redis.call('XACK', stream, group, id)
      if s == 2 then redis.call('XDEL', stream, id) end
      redis.call('HDEL', KEYS[3], ref)
      redis.call('HDEL', KEYS[8], ref)
      if entry then
        local key = keyOf(entry[2])
        if redis.call('HGET', KEYS[4], key) == ref then unlock(key) end
      end
    elseif result == 'done' then
      redis.call('XCLAIM', stream, group, GROUP, 0, id, 'JUSTID')
      if marks == 'keep' then marks = nil
      elseif marks == '0' then redis.call('HDEL', KEYS[3], ref) else redis.call('HSET', KEYS[3], ref, marks) end
      if kind == 'r' then redis.call('HSET', KEYS[8], ref, meta) end
      if kind == 'r' and due > t then redis.call('ZADD', KEYS[7], ARGV[i + 3], ref)
      else makeReady(ref) end
      wake()
    end
    out[#out + 1] = result
  end
  i = last + 1
end
return out
`,
)

/** ARGV group, consumer. Gives back to the group what members have held beyond their lease. Returns how many. */
export const RECLAIM_ORDERED = script(
  'reclaim-ordered',
  `${GATE}
local group, me = ARGV[1], ARGV[2]
local found = 0
for s = 1, 2 do
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[s], group)) do
    local c = {}
    for i = 1, #info, 2 do c[info[i]] = info[i + 1] end
    local lease = tonumber(string.match(c['name'], '%.l(%d+)$') or -1)
    if c['name'] ~= me and lease >= 0 then
      if c['pending'] == 0 then
        if c['idle'] > 3600000 then redis.call('XGROUP', 'DELCONSUMER', KEYS[s], group, c['name']) end
      else
        local late = redis.call('XPENDING', KEYS[s], group, 'IDLE', string.format('%d', lease), '-', '+', 1000, c['name'])
        for _, p in ipairs(late) do
          redis.call('XCLAIM', KEYS[s], group, GROUP, 0, p[1])
          makeReady(s .. p[1])
          found = found + 1
        end
      end
    end
  end
end
if found > 0 then wake() end
return found
`,
)
