import type { Mutant } from '../model/mutant.ts'
import { alterBus, alterConsumeOptions } from '../wrap/bus.ts'

type Outcomes = readonly unknown[] | undefined

/** Replaces what handlers of batches answer. */
const batchAnswers =
  (change: (outcomes: Outcomes, size: number) => Outcomes): NonNullable<Mutant['bus']> =>
  bus =>
    alterBus(bus, {
      subscribeBatch: (
        target: never,
        options: never,
        handler: (batch: readonly unknown[]) => Promise<Outcomes>,
      ) =>
        bus.subscribeBatch(target, options, (async (batch: readonly unknown[]) =>
          change(await handler(batch), batch.length)) as never),
    })

export const busBatchMutants: readonly Mutant[] = [
  {
    id: 'bus-batch-outcomes-ignored',
    bug: 'a batch whose handler returned is acknowledged whole',
    bus: batchAnswers(() => undefined),
  },
  {
    id: 'bus-batch-missing-acked',
    bug: 'an item without an outcome is acknowledged',
    bus: batchAnswers(
      (outcomes, size) => outcomes && Array.from({ length: size }, (_, at) => outcomes[at] ?? 'ack'),
    ),
  },
  {
    id: 'bus-batch-one-fails-all',
    bug: 'one failed item fails its whole batch',
    bus: batchAnswers((outcomes, size) => {
      const failed = outcomes?.find(outcome => outcome instanceof Error)
      return failed === undefined ? outcomes : Array.from({ length: size }, () => failed)
    }),
  },
  {
    id: 'bus-batch-outcomes-shifted',
    bug: 'the outcomes of a batch are matched to other items',
    bus: batchAnswers(outcomes => outcomes?.toReversed()),
  },
  {
    id: 'bus-batch-size-ignored',
    bug: 'batches are larger than asked for',
    bus: bus =>
      alterConsumeOptions(bus, options =>
        options.batch === undefined
          ? options
          : { ...options, batch: { ...(options.batch as object), max: 1_000 } },
      ),
  },
  {
    id: 'bus-batch-never-gathers',
    bug: 'a batch never holds more than one item',
    bus: bus =>
      alterConsumeOptions(bus, options =>
        options.batch === undefined
          ? options
          : { ...options, batch: { ...(options.batch as object), max: 1 } },
      ),
  },
]
