import { afterAll, describe, it } from 'vitest'
import { memoryHarness } from '../src/harness/memory.ts'
import { conformance } from '../src/runners/vitest.ts'

conformance(memoryHarness, { afterAll, describe, it })
