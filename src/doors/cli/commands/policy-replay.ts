/** `plinth policy replay`: which verdicts of the past would flip under other policies, and what would then have been different. */
import type { Flip } from '../../../engine/audit/report.ts'
import type { Json } from '../../../model/json.ts'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { interruptible } from '../interruptible.ts'
import { readPolicyFolder } from '../policy-folder.ts'
import { table, time } from '../table.ts'
import { printable } from '../terminal.ts'

const PAGE_DEFAULT = 50
const PAGE_MAX = 1_000
const SKIP_MAX = 1_000_000_000
const SHOWN_MAX = 20 // streams and ends in text; `--json` has more

export async function replay(call: CommandCall, folder: string | undefined): Promise<ExitCode> {
  const { options, terminal, composition } = call
  if (folder === undefined)
    throw problem('usage', 'say which folder: `plinth policy replay FOLDER`', { command: 'policy' })
  const files = await readPolicyFolder(folder)
  const lastMs = durationOf(options.text('last'))
  const after = options.text('after')
  if (after !== null && !/^(0|[1-9][0-9]{0,8})$/.test(after))
    throw problem('usage', '`--after` takes the cursor that a page before has given')
  const report = await interruptible(terminal, (onProgress, signal) =>
    composition.policyReplay(
      {
        dir: dataDirectory(options),
        files,
        sinceMs: lastMs === null ? 0 : Date.now() - lastMs,
        limit: Math.max(1, options.number('limit', PAGE_MAX) ?? PAGE_DEFAULT),
        skip: Math.min(Number(after ?? '0'), SKIP_MAX),
        onProgress,
      },
      signal,
    ),
  )
  if (terminal.json) {
    terminal.data(JSON.stringify({ kind: 'policy-replay', ...report }))
    return EXIT.ok
  }
  const { verdicts, flipped, certain, flips, streams, ends, notChecked, next } = report
  terminal.data(`${flipped} of ${verdicts} verdicts would flip, ${certain} of them for certain`)
  if (flips.length > 0)
    terminal.data(table(['AT', 'WHEN', 'ACTION', 'BY', 'WAS', 'WOULD BE', 'CERTAIN'], flips.map(row)))
  for (const { stream, missing, besides, states, predictable } of streams.slice(0, SHOWN_MAX)) {
    const state = states === undefined ? '' : `; now ${shown(states.now)}, then ${shown(states.then)}`
    const unknown = predictable ? '' : ', as far as can be told'
    terminal.data(
      printable(`${stream}: ${missing} events would be missing, ${besides} there besides${state}${unknown}`),
    )
  }
  for (const { run, operation, because, after: later } of ends.slice(0, SHOWN_MAX))
    terminal.data(
      printable(
        because === 'first-flip-of-its-run'
          ? `run ${run}: not predictable after ${operation ?? 'a read'} (${later} later operations)`
          : `${operation ?? 'a read'} and ${later} others read what would be different: not predictable`,
      ),
    )
  const more = streams.length + report.streamsMore + ends.length + report.endsMore - 2 * SHOWN_MAX
  if (more > 0) terminal.talk('more of these: `--json`')
  for (const what of notChecked) terminal.data(`not predicted: ${printable(what)}`)
  if (next !== null) terminal.talk(`more: --after ${next}`)
  return EXIT.ok
}

const STATE_SHOWN_MAX = 200
const shown = (state: Json): string => {
  const text = state === null ? 'not there' : JSON.stringify(state)
  return text.length <= STATE_SHOWN_MAX ? text : `${text.slice(0, STATE_SHOWN_MAX)}…`
}

const row = ({ position, atMs, action, actor, was, would, predictable }: Flip): readonly unknown[] => [
  position ?? '-',
  time(atMs),
  action,
  actor,
  `${was.verdict} [${was.rules.join(' ')}]`,
  `${would.verdict} [${would.rules.join(' ')}]`,
  predictable ? 'yes' : 'no',
]

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function durationOf(text: string | null): number | null {
  if (text === null) return null
  const [, digits, unit] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? []
  if (digits === undefined || unit === undefined)
    throw problem('usage', `\`--last ${text}\` is not a time like \`7d\`, \`12h\` or \`30m\``)
  return Number(digits) * (UNIT_MS[unit] as number)
}
