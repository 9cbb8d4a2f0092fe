import { GCProfiler } from 'node:v8'

/** One thing to measure: `run` does `events` of it. */
export interface Case {
  /** What is measured, as `publish`, `dispatch`, `decode`. */
  readonly group: string
  readonly name: string
  readonly events: number
  /** Made anew for each round, outside the measured time. */
  prepare(): Promise<Round> | Round
}

export interface Round {
  run(): Promise<void> | void
  /** After the round, outside the measured time. */
  end?(): Promise<void> | void
}

export interface Figure {
  readonly group: string
  readonly name: string
  /** Median over the rounds, by the wall clock. */
  readonly microseconds: number
  /** Median of the processor's time, collections included: tells the work on a machine that others use too. */
  readonly cpu: number
  /** The fastest round by the wall clock. */
  readonly best: number
  /** On the JavaScript heap, each event; buffers outside it are not counted. */
  readonly bytes: number
  readonly perSecond: number
}

/**
 * Warms up `warmUps` times, then times `rounds` rounds with a collection before each, and counts the bytes of one more. The
 * subjects take turns (A B A B), so that what else the machine does hits all of them.
 */
export async function measure(
  subjects: readonly Case[],
  rounds: number,
  warmUps = 3,
): Promise<readonly Figure[]> {
  const times = subjects.map((): { wall: number; cpu: number }[] => [])
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [i, subject] of subjects.entries()) {
      const time = await timed(subject)
      if (round >= warmUps) times[i]?.push(time)
    }
  }
  const figures: Figure[] = []
  for (const [i, subject] of subjects.entries()) {
    const bytes = await inRound(subject, round => allocated(() => round.run()))
    const wall = times[i]?.map(time => time.wall) ?? []
    const microseconds = median(wall)
    figures.push({
      group: subject.group,
      name: subject.name,
      microseconds,
      cpu: median(times[i]?.map(time => time.cpu) ?? []),
      best: Math.min(...wall),
      bytes: bytes / subject.events,
      perSecond: 1_000_000 / microseconds,
    })
  }
  return figures
}

/** One round's microseconds for each event. */
const timed = (subject: Case) =>
  inRound(subject, async round => {
    const cpuStart = process.cpuUsage()
    const start = process.hrtime.bigint()
    await round.run()
    const took = Number(process.hrtime.bigint() - start) / 1_000
    const { user, system } = process.cpuUsage(cpuStart)
    return { wall: took / subject.events, cpu: (user + system) / subject.events }
  })

async function inRound<T>(subject: Case, use: (round: Round) => Promise<T>): Promise<T> {
  const round = await subject.prepare()
  collect()
  const result = await use(round)
  await round.end?.()
  return result
}

/** Bytes allocated while `run` runs: what the heap grew by between collections, added up. */
async function allocated(run: () => Promise<void> | void): Promise<number> {
  const profiler = new GCProfiler()
  profiler.start()
  let last = process.memoryUsage().heapUsed
  await run()
  const end = process.memoryUsage().heapUsed
  let sum = 0
  for (const { beforeGC, afterGC } of profiler.stop()?.statistics ?? []) {
    sum += beforeGC.heapStatistics.usedHeapSize - last
    last = afterGC.heapStatistics.usedHeapSize
  }
  return sum + end - last
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error('bench: start node with --expose-gc (npm run bench does)')
  globalThis.gc()
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
