export type { TestBusOptions } from './options.ts'
export type {
  DeadLetteredRecord,
  DroppedRecord,
  HandledRecord,
  PublishedRecord,
  RecordFilter,
  RetriedRecord,
} from './records.ts'
export { createTestBus, type TestBus } from './test-bus.ts'
