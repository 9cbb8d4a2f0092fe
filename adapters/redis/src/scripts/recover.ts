import { script } from './script.ts'

/**
 * Takes over what members have held beyond their lease, which each has in its consumer's name, and forgets consumers that
 * have nothing and were not seen for an hour.
 *
 * KEYS main, inbox, marks. ARGV group, consumer, at most so many.
 * Returns for each: stream (1, 2), id, deliveries so far, marks, fields.
 */
export const RECLAIM = script(
  'reclaim',
  `
local group, me, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local out = {}
for s = 1, 2 do
  local stream = KEYS[s]
  local from = '-'
  while #out < limit do
    local pending = redis.call('XPENDING', stream, group, 'IDLE', 500, from, '+', 200)
    for _, p in ipairs(pending) do
      local lease = tonumber(string.match(p[2], '%.l(%d+)$') or 30000)
      if p[2] ~= me and p[3] >= lease and #out < limit then
        local entry = redis.call('XCLAIM', stream, group, me, 0, p[1])[1]
        if entry then
          out[#out + 1] = {s, p[1], p[4] + 1, redis.call('HGET', KEYS[3], s .. p[1]) or '0', entry[2]}
        end
      end
    end
    if #pending < 200 then break end
    from = '(' .. pending[#pending][1]
  end
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local c = {}
    for i = 1, #info, 2 do c[info[i]] = info[i + 1] end
    if c['pending'] == 0 and c['idle'] > 3600000 and c['name'] ~= me then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, c['name'])
    end
  end
end
return out
`,
)

/** KEYS main, inbox. ARGV group, consumer. Returns stream and id, flat, of all that is pending with this consumer. */
export const OWNED = script(
  'owned',
  `
local out = {}
for s = 1, 2 do
  local from = '-'
  while true do
    local pending = redis.call('XPENDING', KEYS[s], ARGV[1], from, '+', 500, ARGV[2])
    for _, p in ipairs(pending) do
      out[#out + 1] = tostring(s)
      out[#out + 1] = p[1]
    end
    if #pending < 500 then break end
    from = '(' .. pending[#pending][1]
  end
end
return out
`,
)

/**
 * Entries that are ours, but whose reply was lost on the way: not counted as another delivery.
 * KEYS main, inbox, marks. ARGV group, consumer, then stream and id for each. Returns what RECLAIM returns.
 */
export const FETCH = script(
  'fetch',
  `
local out = {}
for i = 3, #ARGV, 2 do
  local s = tonumber(ARGV[i])
  local p = redis.call('XPENDING', KEYS[s], ARGV[1], ARGV[i + 1], ARGV[i + 1], 1)[1]
  if p and p[2] == ARGV[2] then
    local entry = redis.call('XRANGE', KEYS[s], ARGV[i + 1], ARGV[i + 1])[1]
    if entry then
      redis.call('XCLAIM', KEYS[s], ARGV[1], ARGV[2], 0, ARGV[i + 1], 'JUSTID')
      out[#out + 1] = {s, ARGV[i + 1], p[4], redis.call('HGET', KEYS[3], s .. ARGV[i + 1]) or '0', entry[2]}
    else
      redis.call('XACK', KEYS[s], ARGV[1], ARGV[i + 1])
    end
  end
end
return out
`,
)

/** KEYS main, inbox. ARGV group, consumer. A consumer that still has something is kept, or its entries would be orphaned. */
export const LEAVE = script(
  'leave',
  `
for s = 1, 2 do
  if #redis.call('XPENDING', KEYS[s], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[s], ARGV[1], ARGV[2])
  end
end
return 1
`,
)

/**
 * Makes a group, or finds it; a group that nobody has begun to read may still be moved to where its first reader starts.
 * KEYS main, inbox, groups. ARGV group, start id, '1' when a subscription begins. Returns 1 when the group is new.
 */
export const JOIN = script(
  'join',
  `
local group, start, begins = ARGV[1], ARGV[2], ARGV[3] == '1'
local state = redis.call('HGET', KEYS[3], group)
local function create(stream, id)
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, id, 'MKSTREAM')
  if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
  return type(made) == 'table' and made.ok ~= nil
end
local made = create(KEYS[1], start)
if type(made) == 'table' then return made end
local inbox = create(KEYS[2], '0')
if type(inbox) == 'table' then return inbox end
if not made and begins and state == 'declared' and start ~= '$' then
  redis.call('XGROUP', 'SETID', KEYS[1], group, start)
end
if begins then redis.call('HSET', KEYS[3], group, 'begun')
elseif not state then redis.call('HSET', KEYS[3], group, 'declared') end
return made and 1 or 0
`,
)
