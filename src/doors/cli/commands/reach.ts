/** `plinth reach`: what a principal could do beside what it did, and the narrower policy that would have been enough. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ActionReach, ReachReport } from '../../../engine/audit/report.ts'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import type { ReachOptions } from '../composition.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { interruptible } from '../interruptible.ts'
import { table, time } from '../table.ts'
import { printable } from '../terminal.ts'

const CONDITIONS_MAX = 100 // lines that a person is shown

export async function run({ words, options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const report = await interruptible(terminal, (onProgress, signal) =>
    composition.reach(
      { dir: dataDirectory(options), principal: words[0] ?? '', at: asOf(options.text('at')), onProgress },
      signal,
    ),
  )
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'reach', ...report }))
  else show(report, (text) => terminal.data(text))
  const folder = options.text('write')
  if (folder === null || report.narrower === null) return EXIT.ok
  const file = join(folder, report.narrower.file)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, report.narrower.text)
  terminal.talk(`written to ${file}: look at it, then \`plinth policy apply ${folder}\``)
  return EXIT.ok
}

function asOf(text: string | null): ReachOptions['at'] {
  if (text === null) return null
  if (/^(0|[1-9][0-9]{0,15})$/.test(text)) return { position: Number(text) }
  const timeMs = Date.parse(text)
  if (Number.isNaN(timeMs)) throw problem('usage', `\`--at ${text}\` is neither a position nor a time`)
  return { timeMs }
}

function show(report: ReachReport, print: (text: string) => void): void {
  const {
    principal,
    principalKind,
    roles,
    revoked,
    position,
    snapshot,
    actions,
    grants,
    narrower,
    method,
    notChecked,
  } = report
  print(
    printable(
      `${principal}: ${principalKind}, roles ${roles.join(' ') || 'none'}${revoked ? ', REVOKED' : ''}; snapshot ${snapshot}, up to position ${position}`,
    ),
  )
  for (const { id, action, reason } of report.switches) print(printable(`under a switch: ${id} (${action}), ${reason}`))
  print(table(['ACTION', 'COULD', 'BY OR DEPENDING ON', 'DID', 'LAST'], actions.map(row)))
  for (const { rule, file, used } of grants)
    if (used.length === 0) print(printable(`grant never used: ${rule} (${file})`))
  for (const line of conditions(actions)) print(line)
  print(`method: ${method}`)
  for (const what of notChecked) print(`not shown: ${printable(what)}`)
  if (narrower === null) print('nothing to narrow: it has used all that it could do')
  else print(`\nnarrower, as ${narrower.file} of the policy folder, then \`plinth policy apply\`:\n\n${narrower.text}`)
}

/** What is left of each rule once the principal is known, said once for all actions that depend on it alike. */
function conditions(actions: readonly ActionReach[]): readonly string[] {
  const found = new Map<string, { readonly said: string; readonly actions: string[] }>()
  for (const { action, on } of actions)
    for (const { rule, text } of on) {
      const said = `${rule}: ${text.replaceAll(/\s+/g, ' ').trim()}`
      const known = found.get(said)
      if (known === undefined) found.set(said, { said, actions: [action] })
      else known.actions.push(action)
    }
  const all = [...found.values()]
  const lines = all
    .slice(0, CONDITIONS_MAX)
    .map(({ said, actions: of }) => printable(`depends on ${said} (${of.join(' ')})`))
  return all.length <= CONDITIONS_MAX ? lines : [...lines, `and on ${all.length - CONDITIONS_MAX} more: --json`]
}

const row = ({ action, could, by, on, did }: ActionReach): readonly unknown[] => [
  action,
  could,
  could === 'depends'
    ? on.map(({ rule, hold }) => (hold === null ? rule : `${rule} (${hold} may lift)`)).join(' ')
    : by.join(' '),
  (['committed', 'held', 'denied', 'refused', 'read'] as const)
    .filter((state) => did[state] > 0)
    .map((state) => `${did[state]} ${state}`)
    .join(', ') || 'never',
  time(did.lastAtMs),
]
