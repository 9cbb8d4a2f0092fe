import type { EventStream } from '@busbar/core'
import type { CaseContext } from '../../model/case.ts'

/** Takes from a stream one by one, letting time pass while it waits. */
export interface Reader<D> {
  next(): Promise<D>
  take(count: number): Promise<D[]>
}

/** Resolves when the next published event will be seen. */
export async function reader<D>(t: CaseContext, stream: EventStream<D>): Promise<Reader<D>> {
  await t.within(stream.ready(), 'the stream to be ready')
  const iterator = stream[Symbol.asyncIterator]()
  const next = async () => {
    const result = await t.within(iterator.next(), 'the next delivery of the stream')
    if (result.done === true) throw new Error('the stream ended')
    return result.value
  }
  return {
    next,
    async take(count) {
      const taken: D[] = []
      while (taken.length < count) taken.push(await next())
      return taken
    },
  }
}
