/** `plinth audit admissions`: would policy have allowed it? Asked again of everything on record, without the system that recorded it. */
import type { Disagreement, GivenVerdict } from '../../../engine/audit/report.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printable } from '../terminal.ts'
import { interruptible } from '../interruptible.ts'

const SHOWN_MAX = 50 // disagreements in text; `--json` has them all

export async function run({ words, options, terminal, composition }: CommandCall): Promise<ExitCode> {
  if (words[0] !== 'admissions') throw unknownWord('audit', words[0], ['admissions'])
  const report = await interruptible(terminal, (onProgress, signal) =>
    composition.audit(
      {
        dir: dataDirectory(options),
        bundle: options.text('bundle'),
        rootKey: options.text('root-key'),
        subjectKeys: options.text('subject-keys'),
        onProgress,
      },
      signal,
    ),
  )
  const sound = report.disagreedCount === 0
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'admissions', ...report }))
  else {
    const { admissions, agreed, unchecked, disagreed, disagreedCount, beside } = report
    terminal.data(
      `${terminal.style(sound ? 'green' : 'red', sound ? 'agreed' : `${disagreedCount} disagreed`)}: ${agreed} of ${admissions} admissions in ${report.records} records come out as recorded` +
        (unchecked > 0 ? `, ${unchecked} could not be evaluated` : ''),
    )
    if (beside !== null) terminal.data(`beside the log: ${beside.agreed} of ${beside.verdicts} denials and reads`)
    for (const one of disagreed.slice(0, SHOWN_MAX)) terminal.data(printable(line(one)))
    if (disagreed.length > SHOWN_MAX) terminal.talk(`${disagreedCount - SHOWN_MAX} more: \`--json\` lists them`)
    for (const what of report.notChecked) terminal.data(`not checked: ${printable(what)}`)
  }
  return sound ? EXIT.ok : EXIT.proofFailed
}

const line = ({ position, operation, action, actor, recorded, derived, why }: Disagreement): string =>
  `#${position ?? '?'}  ${action ?? ''} by ${actor ?? '?'}  ${operation ?? ''}  ${why}: recorded ${said(recorded)}, derived ${said(derived)}`

const said = (verdict: GivenVerdict | null): string =>
  verdict === null ? 'nothing' : `${verdict.verdict} [${verdict.rules.join(' ')}]`
