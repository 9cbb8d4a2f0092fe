import { hash } from 'node:crypto'

/** A Lua script with its digest: it is called by digest, and sent whole only to a server that has not seen it. */
export interface Script {
  readonly name: string
  readonly lua: string
  readonly sha: string
}

export function script(name: string, lua: string): Script {
  const text = `-- busbar ${name}\n${lua.trim()}\n`
  return { name, lua: text, sha: hash('sha1', text, 'hex') }
}

/** The server's clock, so that members whose clocks differ agree on what is due. */
export const NOW = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
`

/** Whether an entry is pending with this consumer: a stale holder's XACK and XCLAIM succeed too, so it must be asked first. */
export const OWNS = `
local function owns(stream, group, consumer, id)
  local p = redis.call('XPENDING', stream, group, id, id, 1)
  return p[1] ~= nil and p[1][2] == consumer
end
`

/** An entry's fields without those that a copy replaces: Busbar's metadata and this adapter's own. */
export const COPY = `
local function copied(fields, extras)
  local copy = {}
  for i = 1, #fields, 2 do
    local name = fields[i]
    if string.sub(name, 1, 7) ~= 'busbar-' and name ~= 'position' and name ~= 'redelivered' then
      copy[#copy + 1] = name
      copy[#copy + 1] = fields[i + 1]
    end
  end
  for i = 1, #extras do copy[#copy + 1] = extras[i] end
  return copy
end
`
