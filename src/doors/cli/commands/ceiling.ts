/**
 * `plinth ceiling`: how much of something may be spent, by whom, in which window. Owned by the warden and changed only by what operators sign. The
 * runtime shows ceilings and holds nothing against them yet: what spends will ask here; counts and sums that policy sees are limits.
 */
import { problem } from '../../../model/problems.ts'
import type { CeilingEntry } from '../../../warden/authority.ts'
import type { ChangeDocument } from '../../../warden/change-document.ts'
import { adoptionLine, exitCodeOfAdoption, newestSnapshot, publishAndWait } from '../adoption.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { table } from '../table.ts'
import { printable } from '../terminal.ts'
import { readScope } from './switch.ts'

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word, name] = call.words
  if (word === 'list') return await list(call)
  if (word !== 'set' && word !== 'remove') throw unknownWord('ceiling', word, ['list', 'set', 'remove'])
  if (name === undefined)
    throw problem('usage', `say which one: \`plinth ceiling ${word} NAME\``, { command: 'ceiling' })
  return word === 'set'
    ? await set(call, name)
    : await change(call, { change: 'remove-ceiling', name }, `no ceiling \`${name}\` any more`)
}

async function list({ options, terminal }: CommandCall): Promise<ExitCode> {
  const { ceilings, number } = await newestSnapshot(options)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'ceilings', snapshot: number, items: ceilings }))
  else if (ceilings.length === 0) terminal.talk('there is no ceiling')
  else {
    terminal.data(table(['CEILING', 'SCOPE', 'LIMIT', 'UNIT', 'WINDOW'], ceilings.map(line)))
    terminal.talk('nothing spends against them yet')
  }
  return EXIT.ok
}

async function set(call: CommandCall, name: string): Promise<ExitCode> {
  const { options } = call
  const limit = options.number('limit', Number.MAX_SAFE_INTEGER)
  if (limit === null) throw problem('usage', 'say how much: `--limit N`', { command: 'ceiling' })
  const ceiling: CeilingEntry = {
    name,
    scope: readScope(options.text('scope') ?? ''),
    unit: options.text('unit') ?? 'operations',
    limit,
    windowMs: windowMs(options.text('window')),
  }
  return await change(call, { change: 'set-ceiling', ceiling }, line(ceiling).join('  '))
}

async function change(
  { options, terminal }: CommandCall,
  document: ChangeDocument,
  preview: string,
): Promise<ExitCode> {
  if (!(await confirmed(terminal, options, [preview], 'sign this?'))) return EXIT.ok
  const adoption = await publishAndWait(options, [document], options.text('reason') ?? '')
  if (terminal.json) terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind }))
  else terminal.talk(adoptionLine(adoption))
  return exitCodeOfAdoption(adoption)
}

const line = ({ name, scope, unit, limit, windowMs: window }: CeilingEntry): readonly string[] => [
  name,
  scope.kind === 'global' ? 'global' : `${scope.kind}:${printable(scope.value)}`,
  String(limit),
  unit,
  window === null ? 'ever' : `${window / 1_000} s`,
]

/** @throws `usage` */
function windowMs(text: string | null): number | null {
  if (text === null) return null
  const [, digits, unit] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? []
  if (unit === undefined)
    throw problem('usage', '`--window` is a whole number with s, m, h or d', { command: 'ceiling' })
  return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS]
}
