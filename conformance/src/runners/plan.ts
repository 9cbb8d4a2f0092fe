import { seededRandom } from '@busbar/core/time'
import type { ConformanceCase, Permutation } from '../model/case.ts'

/** One run of a case: the case with one of its permutations. */
export interface PlannedRun {
  /** The case's id, with the permutation's name in brackets. Repeats share it. */
  readonly id: string
  readonly title: string
  readonly case: ConformanceCase
  readonly permutation: Permutation
}

export interface PlanOptions {
  /** Only runs whose id contains this text. */
  readonly filter?: string
  /** How often each run is made. Default 1. */
  readonly repeat?: number
  /** A seed; the order of the runs is shuffled by it. Default: the order of the cases. */
  readonly shuffle?: number
  /** False: only the first permutation of each case. Default true. */
  readonly permutations?: boolean
}

const ALONE: Permutation = { name: '' }

/** All runs of `cases`, in the order in which they are made. */
export function plan(cases: readonly ConformanceCase[], options: PlanOptions = {}): readonly PlannedRun[] {
  const once = cases.flatMap(item => runsOf(item, options.permutations ?? true))
  const wanted =
    options.filter === undefined ? once : once.filter(run => run.id.includes(options.filter ?? ''))
  const all = Array.from({ length: options.repeat ?? 1 }, () => wanted).flat()
  return options.shuffle === undefined ? all : shuffled(all, options.shuffle)
}

function runsOf(item: ConformanceCase, everyPermutation: boolean): readonly PlannedRun[] {
  const permutations = item.permutations ?? []
  if (permutations.length === 0) return [{ id: item.id, title: item.title, case: item, permutation: ALONE }]
  return permutations.slice(0, everyPermutation ? undefined : 1).map(permutation => ({
    id: `${item.id}[${permutation.name}]`,
    title: `${item.title} (${permutation.name})`,
    case: item,
    permutation,
  }))
}

/** Fisher and Yates's shuffle, repeatable from its seed. */
function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  const random = seededRandom(seed)
  const result = [...items]
  for (let last = result.length - 1; last > 0; last--) {
    const chosen = Math.floor(random.next() * (last + 1))
    const moved = result[last] as T
    result[last] = result[chosen] as T
    result[chosen] = moved
  }
  return result
}
