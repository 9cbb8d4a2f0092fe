import { cpus } from 'node:os'
import { RAW_DRIVERS } from './adapters/peer.ts'
import { OURS, SDK } from './core/codec.ts'
import type { Figure } from './measure.ts'

/** Busbar beside its peer (the SDK, or the raw driver), for each thing that both were measured at in one run. */
export interface Ratio {
  readonly group: string
  readonly peer: string
  /** The peer's time by Busbar's: above 1, Busbar is the faster one. */
  readonly speed: number
  /** The peer's processor time by Busbar's. */
  readonly cpu: number
  /** Microseconds of this process's processor time for each event. */
  readonly processor: { readonly busbar: number; readonly peer: number }
}

const PEERS: ReadonlySet<string> = new Set([SDK, ...RAW_DRIVERS])

export interface Report {
  readonly scenario: string
  readonly node: string
  readonly cpu: string
  readonly rounds: number
  /** Of an adapter's run. */
  readonly server?: string
  readonly mode?: string
  readonly figures: readonly Figure[]
  readonly ratios: readonly Ratio[]
}

export function report(
  scenario: string,
  rounds: number,
  figures: readonly Figure[],
  place: { readonly server?: string; readonly mode?: string } = {},
): Report {
  const ratios = figures
    .filter(figure => figure.name === OURS)
    .flatMap(ours => {
      const theirs = figures.find(
        figure => figure.group === ours.group && figure.name !== OURS && PEERS.has(figure.name),
      )
      if (theirs === undefined) return []
      return [
        {
          group: ours.group,
          peer: theirs.name,
          speed: theirs.microseconds / ours.microseconds,
          cpu: theirs.cpu / ours.cpu,
          processor: { busbar: ours.cpu, peer: theirs.cpu },
        },
      ]
    })
  return {
    scenario,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    rounds,
    ...place,
    figures,
    ratios,
  }
}

/** One figure as a line of the table. */
export function line(figure: Figure): string {
  const { name, microseconds, cpu, best, bytes, perSecond } = figure
  const rate = `${Math.round(perSecond / 1_000)}k/s`
  return `  ${name.padEnd(26)}${number(microseconds)} µs${number(cpu)} µs${number(best)} µs${bytes.toFixed(0).padStart(8)} B${rate.padStart(10)}`
}

export const HEADER = `  ${''.padEnd(26)}${'median'.padStart(11)}${'processor'.padStart(11)}${'best'.padStart(11)}${'allocated'.padStart(10)}${'rate'.padStart(10)}`

export const ratioLine = ({ group, peer, speed, processor }: Ratio): string =>
  `  ${group.padEnd(28)}${speed.toFixed(2).padStart(6)} × the speed of ${peer}; processor ${processor.busbar.toFixed(1)} µs an event, ${peer} ${processor.peer.toFixed(1)} µs`

const number = (value: number) => value.toFixed(3).padStart(8)
