/** The command line: words in, exit code out. Wire form ↔ engine, nothing else; what must be built comes from `composition`. */
import { PROBLEMS, Problem, problem } from '../../model/problems.ts'
import { systemFault } from '../../model/system-fault.ts'
import { parse, type Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import type { Composition } from './composition.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { commandHelp, overview } from './help.ts'
import { nearest } from './nearest.ts'
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
    return report(error, args[0], terminal)
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
    const asked = rest.find((word) => !word.startsWith('-'))
    const command = asked === undefined ? undefined : named(asked)
    return say(terminal, command === undefined ? overview(COMMANDS) : commandHelp(command), helpDocument(command))
  }
  const command = named(name)
  const { words, options } = parse(command, rest)
  if (options.flag('help')) return say(terminal, commandHelp(command), helpDocument(command))
  const { run } = await command.load()
  return await run({ words, options, terminal, composition })
}

/** @throws `usage`, with what may have been meant */
function named(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command !== undefined) return command
  const names = COMMANDS.map((candidate) => candidate.name)
  const meant = nearest(name, names)
  throw problem('usage', `there is no command \`${name}\`${meant === null ? '' : `; is \`${meant}\` meant?`}`)
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

/**
 * Prints title, detail and next step on stderr; with `--json` the same as one document on stdout.
 * @param name the first word, which may be no command
 */
function report(error: unknown, name: string | undefined, terminal: Terminal): ExitCode {
  const fault =
    error instanceof Problem ? error : (systemFault(error) ?? problem('bug', printable(String(error)), {}, error))
  const { title } = PROBLEMS[fault.code]
  const next = nextStep(fault, name)
  if (terminal.json)
    terminal.data(
      JSON.stringify({ kind: 'problem', code: fault.code, title, detail: fault.detail, next, ...fault.members }),
    )
  terminal.talk(`${fault.code}: ${title}`)
  if (fault.detail !== '') terminal.talk(`  ${printable(fault.detail)}`)
  for (const line of details(fault)) terminal.talk(`  ${printable(line)}`)
  terminal.talk(`  next: ${next}`)
  if (fault.code === 'bug' && error instanceof Error && process.env['PLINTH_DEBUG']) terminal.talk(error.stack ?? '')
  return exitCodeOf(fault)
}

/** As the registry has it, with the names that are known here. */
function nextStep(fault: Problem, name: string | undefined): string {
  const { next } = PROBLEMS[fault.code]
  if (fault.code === 'usage') {
    const command = fault.members['command'] ?? name
    return COMMANDS.some((known) => known.name === command) ? `see \`plinth ${String(command)} --help\`` : next
  }
  const operation = fault.members['operation']
  return typeof operation === 'string' ? next.replace('<operation>', printable(operation)) : next
}

/** `errors` of a problem as lines: what and where. */
function details(fault: Problem): readonly string[] {
  const errors = fault.members['errors']
  if (!Array.isArray(errors)) return []
  return errors.map((item: unknown) => (typeof item === 'string' ? item : JSON.stringify(item)))
}
