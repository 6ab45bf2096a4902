/** The command line: words in, exit code out. Wire form ↔ engine, nothing else; what must be built comes from `composition`. */
import { PROBLEMS, Problem, problem } from '../../model/problems.ts'
import { parse, type Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import type { Composition } from './composition.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { commandHelp, overview } from './help.ts'
import { openTerminal, printable, type Terminal } from './terminal.ts'

export async function runCommandLine(
  args: readonly string[],
  version: string,
  composition: Composition,
): Promise<ExitCode> {
  const terminal = openTerminal(args.includes('--json'))
  try {
    return await runWords(args, version, composition, terminal)
  } catch (error) {
    return report(error, terminal)
  }
}

async function runWords(
  args: readonly string[],
  version: string,
  composition: Composition,
  terminal: Terminal,
): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === '--version') return say(terminal, version, { kind: 'version', version })
  if (name === undefined || name === '--help' || name === 'help') {
    const command = COMMANDS.find((candidate) => candidate.name === rest[0])
    return say(terminal, command === undefined ? overview(COMMANDS) : commandHelp(command), helpDocument(command))
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command === undefined) throw problem('usage', `there is no command \`${name}\``)
  const { words, options } = parse(command, rest)
  if (options.flag('help')) return say(terminal, commandHelp(command), helpDocument(command))
  const { run } = await command.load()
  return await run({ words, options, terminal, composition })
}

function helpDocument(command: Command | undefined): unknown {
  const shown = command === undefined ? COMMANDS : [command]
  return {
    kind: 'help',
    commands: shown.map(({ name, summary, usage, options }) => ({ name, summary, usage, options })),
  }
}

function say(terminal: Terminal, text: string, document: unknown): ExitCode {
  terminal.data(terminal.json ? JSON.stringify(document) : text)
  return EXIT.ok
}

/** Prints title, detail and next step on stderr; with `--json` the same as one document on stdout. */
function report(error: unknown, terminal: Terminal): ExitCode {
  const fault = error instanceof Problem ? error : problem('bug', printable(String(error)), {}, error)
  const { title, next } = PROBLEMS[fault.code]
  if (terminal.json)
    terminal.data(
      JSON.stringify({ kind: 'problem', code: fault.code, title, detail: fault.detail, next, ...fault.members }),
    )
  const command = fault.members['command']
  const nextStep = fault.code === 'usage' && typeof command === 'string' ? `see \`plinth ${command} --help\`` : next
  terminal.talk(`${fault.code}: ${title}`)
  if (fault.detail !== '') terminal.talk(`  ${printable(fault.detail)}`)
  for (const line of details(fault)) terminal.talk(`  ${printable(line)}`)
  terminal.talk(`  next: ${nextStep}`)
  if (fault.code === 'bug' && error instanceof Error && process.env['PLINTH_DEBUG']) terminal.talk(error.stack ?? '')
  return exitCodeOf(fault)
}

/** `errors` of a problem as lines: what and where. */
function details(fault: Problem): readonly string[] {
  const errors = fault.members['errors']
  if (!Array.isArray(errors)) return []
  return errors.map((item: unknown) => (typeof item === 'string' ? item : JSON.stringify(item)))
}
