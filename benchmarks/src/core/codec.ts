import {
  decodeEvent,
  decodeStructured,
  encodeEvent,
  encodeStructured,
  httpBinding,
} from '@busbar/core/cloudevents'
import { CloudEvent, HTTP } from 'cloudevents'
import type { Case } from '../measure.ts'
import { attributes, order } from './sample.ts'

const EVENTS = 10_000

/** Keeps the optimiser from dropping what nobody looks at. */
let last: unknown

const repeated = (group: string, name: string, once: () => unknown): Case => ({
  group,
  name,
  events: EVENTS,
  prepare: () => ({
    run() {
      for (let i = 0; i < EVENTS; i++) last = once()
      if (last === undefined) throw new Error('bench: nothing came of it')
    },
  }),
})

export const OURS = 'busbar'
export const SDK = 'cloudevents sdk'

const event = { specversion: '1.0' as const, ...attributes, data: order }

const binary = httpBinding.write(encodeEvent(event), 'binary')
const structured = encodeStructured(encodeEvent(event))

// Each side gets what its HTTP server would give it: pairs and bytes here, an object and text there.
const incoming = { headers: binary.headers, contentType: binary.contentType, body: binary.body }
const sdkBinary = HTTP.binary(new CloudEvent(event))
const sdkStructured = HTTP.structured(new CloudEvent(event))

/** Data is part of the work on both sides: the SDK parses it with the event, core when it is asked for. */
export const codecCases: readonly Case[] = [
  repeated('codec, binary encode', OURS, () => httpBinding.write(encodeEvent(event), 'binary')),
  repeated('codec, binary encode', SDK, () => HTTP.binary(new CloudEvent(event))),
  repeated('codec, binary decode', OURS, () => decodeEvent(httpBinding.read(incoming))),
  repeated('codec, binary decode', SDK, () => HTTP.toEvent(sdkBinary)),
  repeated('codec, structured encode', OURS, () => encodeStructured(encodeEvent(event))),
  repeated('codec, structured encode', SDK, () => HTTP.structured(new CloudEvent(event))),
  repeated('codec, structured decode', OURS, () => decodeEvent(decodeStructured(structured))),
  repeated('codec, structured decode', SDK, () => HTTP.toEvent(sdkStructured)),
  repeated('codec, envelope only', 'encodeEvent', () => encodeEvent(event)),
  repeated('codec, envelope only', 'read', () => httpBinding.read(incoming)),
]
