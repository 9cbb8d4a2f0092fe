import type { DeadLetter } from '@busbar/core'
import { Company } from './company.ts'
import { type BrokenLine, OrderIntake } from './intake.ts'
import type { AccountName } from './ledger.ts'
import { Progress, type Screen } from './progress.ts'
import { resultTable, verdict } from './report.ts'
import { allSettled } from './settled.ts'

export interface FulfilmentOptions {
  readonly url: string
  readonly prefix: string
  readonly input: AsyncIterable<Uint8Array>
  readonly inputName: string
  /** Events per second. */
  readonly rate: number | undefined
  readonly out: Screen
  /** Aborts to stop taking orders, finish what runs and leave. */
  readonly signal: AbortSignal
}

/** Broken lines that are shown one by one; of the others only the number. */
const SHOWN = 20
/** Milliseconds that handlers get to finish in the end. */
const DRAIN = 10_000

/** Runs the whole story. Resolves to whether everything is accounted for. */
export async function fulfil(options: FulfilmentOptions): Promise<boolean> {
  const { out, signal, input, rate } = options
  const company = await Company.open(options.url, options.prefix, text => out.write(`  ! ${text}\n`))
  const { ledger } = company
  let broken = 0
  const onBroken = ({ line, reason }: BrokenLine) => {
    broken++
    if (broken <= SHOWN) progress.say(`  line ${line} ${reason}`)
    if (broken === SHOWN) progress.say('  (further broken lines are only counted)')
  }
  // What has been dead-lettered waits for somebody to look at it, not for the services.
  const inProgress = () => ledger.missing - company.setbacks.deadLettered
  const intake = new OrderIntake({ bus: company.front, ledger, input, rate, inProgress, onBroken, signal })
  const progress = new Progress(out, () => {
    const { billing, shipping } = ledger.accounts
    const { retried, deadLettered } = company.setbacks
    return `  ${intake.published} published, ${billing.handled} paid, ${shipping.handled} shipped, ${retried} retried, ${deadLettered} dead-lettered`
  })
  try {
    out.write(`Broker ${company.server}, prefix "${options.prefix}"\n\n1. Orders from ${options.inputName}\n`)
    await intake.run()
    await allSettled(company)
    progress.say(`  read ${intake.lines} lines: ${intake.published} published, ${broken} broken`)

    let redriven: ReadonlyMap<AccountName, number> = new Map()
    if (!signal.aborted) {
      const letters = await company.readDeadLetters()
      progress.say(`\n2. Dead letters: ${letters.length}`)
      for (const line of summary(letters)) progress.say(`  ${line}`)
      company.fix()
      redriven = await company.redrive()
      const total = [...redriven.values()].reduce((sum, n) => sum + n, 0)
      progress.say(`\n3. Fixed the catalogue and billing; redriven: ${total}`)
      await allSettled(company)
      const left = await company.readDeadLetters()
      if (left.length > 0) progress.say('  Still dead:')
      for (const line of summary(left)) progress.say(`  ${line}`)
    }
    progress.stop()
    const result = { company, intake, redriven }
    const findings = verdict(ledger)
    out.write(`\n4. The result${signal.aborted ? ' so far: interrupted' : ''}\n\n${resultTable(result)}\n\n`)
    out.write(
      '  published: events each group must get; pricing: questions and answers. repeats: deliveries of an\n',
    )
    out.write(
      '  event that was handled before, skipped. p50, p99: publish to handled, at the first attempt.\n\n',
    )
    for (const { ok, text } of findings) out.write(`  ${ok ? 'ok  ' : 'FAIL'}  ${text}\n`)
    return findings.every(({ ok }) => ok)
  } finally {
    progress.stop()
    await company.drain(DRAIN)
  }
}

/** Dead letters by group and cause, most frequent first. */
function summary(letters: readonly DeadLetter[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { group, attempts, error, reason } of letters) {
    const text = `${group}, ${attempts === 1 ? 'first attempt' : `after ${attempts} attempts`}: ${error.message ?? reason}`
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([text, count]) => `${count} × ${text}`)
}
