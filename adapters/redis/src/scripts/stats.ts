import { script } from './script.ts'

/**
 * KEYS main, inbox, delayed of the topic, delayed of the group, dead letters, waiting, ready, backoff. ARGV group.
 * Returns ready, in flight, delayed, dead, and 1 if exact. What an ordered group has put aside counts as ready.
 */
export const STATS = script(
  'stats',
  `
local group = ARGV[1]
local exact = 1
local function of(stream)
  if redis.call('EXISTS', stream) == 0 then return 0, 0, '0-0' end
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local g = {}
    for i = 1, #info, 2 do g[info[i]] = info[i + 1] end
    if g['name'] == group then return g['pending'], g['lag'], g['last-delivered-id'] end
  end
  return 0, 0, '0-0'
end
local pending, lag, last = of(KEYS[1])
if type(lag) ~= 'number' then
  -- Since a group began in mid-stream, the server does not count for it.
  lag = #redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1000)
  if lag == 1000 then exact = 0 end
end
local inboxPending = of(KEYS[2])
local inbox = redis.call('XLEN', KEYS[2])
local aside = redis.call('ZCARD', KEYS[6]) + redis.call('ZCARD', KEYS[7])
local backoff = redis.call('ZCARD', KEYS[8])
local held = pending + inboxPending - aside - backoff
return {lag + inbox - inboxPending + aside, held, redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[4]) + backoff,
  redis.call('XLEN', KEYS[5]), exact}
`,
)
