import { cpus } from 'node:os'
import { OURS, SDK } from './core/codec.ts'
import type { Figure } from './measure.ts'

/** How many times as fast as the SDK by processor time, for each thing that both were measured at. */
export interface Ratio {
  readonly group: string
  readonly timesFaster: number
}

export interface Report {
  readonly scenario: string
  readonly node: string
  readonly cpu: string
  readonly rounds: number
  readonly figures: readonly Figure[]
  readonly ratios: readonly Ratio[]
}

export function report(scenario: string, rounds: number, figures: readonly Figure[]): Report {
  const ratios = figures
    .filter(figure => figure.name === OURS)
    .flatMap(ours => {
      const theirs = figures.find(figure => figure.group === ours.group && figure.name === SDK)
      return theirs === undefined ? [] : [{ group: ours.group, timesFaster: theirs.cpu / ours.cpu }]
    })
  return { scenario, node: process.version, cpu: cpus()[0]?.model ?? 'unknown', rounds, figures, ratios }
}

/** One figure as a line of the table. */
export function line(figure: Figure): string {
  const { name, microseconds, cpu, best, bytes, perSecond } = figure
  const rate = `${Math.round(perSecond / 1_000)}k/s`
  return `  ${name.padEnd(26)}${number(microseconds)} µs${number(cpu)} µs${number(best)} µs${bytes.toFixed(0).padStart(8)} B${rate.padStart(10)}`
}

export const HEADER = `  ${''.padEnd(26)}${'median'.padStart(11)}${'processor'.padStart(11)}${'best'.padStart(11)}${'allocated'.padStart(10)}${'rate'.padStart(10)}`

export const ratioLine = ({ group, timesFaster }: Ratio): string =>
  `  ${group.padEnd(26)}${timesFaster.toFixed(1).padStart(8)} times as fast as the SDK`

const number = (value: number) => value.toFixed(3).padStart(8)
