import { NOW, script } from './script.ts'

/**
 * Lets go of what every group is done with and retention no longer covers. By id, never by length alone: an entry that a
 * group has not settled, or not even read, stays. In whole nodes of the stream (`~`), which costs the server next to nothing, so
 * up to a node more (100 entries) stays than was asked for.
 *
 * KEYS stream. ARGV entries to keep for replay (-1: no limit), milliseconds (-1), bytes (-1), at most so many at once.
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
local needed = '18446744073709551615-18446744073709551615'
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = {}
  for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
  local low
  if group['pending'] > 0 then
    low = redis.call('XPENDING', stream, group['name'])[2]
  else
    local ms, seq = string.match(group['last-delivered-id'], '^(%d+)%-(%d+)$')
    low = #seq > 15 and string.format('%d-0', ms + 1) or string.format('%s-%d', ms, seq + 1)
  end
  if before(low, needed) then needed = low end
end
local length = redis.call('XLEN', stream)
local count, age, bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if bytes >= 0 and length > 0 then
  local fit = math.floor(length * bytes / redis.call('MEMORY', 'USAGE', stream))
  if count < 0 or fit < count then count = fit end
end
local removed = 0
if count >= 0 and length > count then
  local excess = string.format('%d', math.min(length - count, tonumber(ARGV[4])))
  removed = redis.call('XTRIM', stream, 'MINID', '~', needed, 'LIMIT', excess)
end
if age >= 0 then
  local old = string.format('%d-0', now() - age)
  if before(needed, old) then old = needed end
  removed = removed + redis.call('XTRIM', stream, 'MINID', '~', old, 'LIMIT', ARGV[4])
end
return removed
`,
)
