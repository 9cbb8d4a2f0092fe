import { NOW, script } from './script.ts'

/**
 * Puts requests into the list of each group that responds. A list lives as long as the longest of its requests, each of which says
 * itself when it is over.
 *
 * KEYS responders (members are the list's key, a line feed, and the responder; scored by when they are taken for dead)
 * ARGV time to live in ms, frames. Returns how many groups got them.
 */
export const REQUEST = script(
  'request',
  `${NOW}
local t = string.format('%d', now())
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t)
local known, groups = {}, 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local list = string.match(member, '^[^\\n]+')
  if not known[list] then
    known[list] = true
    groups = groups + 1
    redis.call('RPUSH', list, unpack(ARGV, 2))
    if redis.call('PTTL', list) < tonumber(ARGV[1]) then redis.call('PEXPIRE', list, ARGV[1]) end
  end
end
return groups
`,
)

/** ARGV channel, frames: publishes them in order, by one command instead of one for each. */
export const REPLY = script(
  'reply',
  `
for i = 2, #ARGV do redis.call('PUBLISH', ARGV[1], ARGV[i]) end
return 1
`,
)
