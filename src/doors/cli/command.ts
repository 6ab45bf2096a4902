/** What one command of the command line is: the help, the parser, the reference page and the run come from the same value. */
import { parseArgs } from 'node:util'
import { problem, Problem } from '../../model/problems.ts'
import type { Composition } from './composition.ts'
import type { ExitCode } from './exit-codes.ts'
import { nearest } from './nearest.ts'
import type { Terminal } from './terminal.ts'

export interface Option {
  readonly type: 'string' | 'boolean'
  readonly describe: string
  /** What stands for the value in help, e.g. `DIR`. */
  readonly value?: string
  readonly multiple?: boolean
}
export type Options = Readonly<Record<string, Option>>

export interface Command {
  readonly name: string
  readonly summary: string
  /** One line a form, without the leading `plinth`. */
  readonly usage: readonly string[]
  readonly options: Options
  /** Fewest and most words after the command's name. */
  readonly words: readonly [number, number]
  /** Loaded only when it runs, so that `--help` stays fast. */
  readonly load: () => Promise<{ readonly run: (call: CommandCall) => Promise<ExitCode> }>
}

export interface CommandCall {
  readonly words: readonly string[]
  readonly options: ParsedOptions
  readonly terminal: Terminal
  readonly composition: Composition
}
export interface ParsedOptions {
  text(name: string): string | null
  flag(name: string): boolean
  list(name: string): readonly string[]
  /** A whole number from 0 to `max`. */
  number(name: string, max: number): number | null
}

/** Every command has these. */
export const COMMON_OPTIONS: Options = {
  json: { type: 'boolean', describe: 'print one JSON document (or one a line for streams)' },
  help: { type: 'boolean', describe: 'show this help' },
}
/** Commands that talk to a running system, or read its files, have these as well. */
export const SYSTEM_OPTIONS: Options = {
  dir: { type: 'string', value: 'DIR', describe: 'data directory (default `.plinth`, or PLINTH_DIR)' },
  url: { type: 'string', value: 'URL', describe: 'a running system elsewhere (or PLINTH_URL)' },
  token: { type: 'string', value: 'KEY', describe: 'credential to use instead of the operator’s (or PLINTH_TOKEN)' },
  vkey: {
    type: 'string',
    value: 'KEY',
    describe:
      'public key of the log, or a file with it, one a line (or PLINTH_VKEY; default: the data directory’s `log.vkey`)',
  },
  heads: {
    type: 'string',
    value: 'DIR',
    describe:
      'where the heads are kept that the log is held to (or PLINTH_HEADS; default: the user’s data folder; or `off`)',
  },
}

/** @throws `usage` */
export function parse(command: Command, args: readonly string[]): { words: readonly string[]; options: ParsedOptions } {
  const known = { ...command.options, ...COMMON_OPTIONS }
  const config = Object.fromEntries(
    Object.entries(known).map(([name, option]) => [name, { type: option.type, multiple: option.multiple === true }]),
  )
  let parsed
  try {
    parsed = parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true })
  } catch (cause) {
    throw problem('usage', optionFault(cause as Error, known), { command: command.name }, cause)
  }
  const values = parsed.values as Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  const options = parsedOptions(values)
  const [fewest, most] = command.words
  const count = parsed.positionals.length
  if (!options.flag('help') && (count < fewest || count > most))
    throw problem('usage', `\`plinth ${command.name}\` takes ${wordCount(fewest, most)}, got ${count}`, {
      command: command.name,
    })
  return { words: parsed.positionals, options }
}

function parsedOptions(
  values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
): ParsedOptions {
  const text = (name: string): string | null => {
    const value = values[name]
    return typeof value === 'string' ? value : null
  }
  return {
    text,
    flag: (name) => values[name] === true,
    list: (name) => {
      const value = values[name]
      return Array.isArray(value) ? (value as readonly string[]) : []
    },
    number(name, max) {
      const value = text(name)
      if (value === null) return null
      if (!/^(0|[1-9][0-9]{0,15})$/.test(value) || Number(value) > max)
        throw problem('usage', `\`--${name} ${value}\` is not a whole number from 0 to ${max}`)
      return Number(value)
    },
  }
}

const wordCount = (fewest: number, most: number): string =>
  most === 0 ? 'no words' : fewest === most ? `${fewest} word${fewest === 1 ? '' : 's'}` : `${fewest} to ${most} words`

/** What `parseArgs` found, without its advice on how to write words that begin with a dash. */
function optionFault(cause: Error, known: Options): string {
  const { code } = cause as Error & { code?: string }
  const option = /'(?:-\w, )?(-{1,2}[^' =<]+)/.exec(cause.message)?.[1]
  if (option === undefined) return cause.message.slice(0, 1).toLowerCase() + cause.message.slice(1)
  const name = option.replace(/^-+/, '')
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const meant = nearest(name, Object.keys(known))
    return `there is no option \`${option}\`${meant === null ? '' : `; is \`--${meant}\` meant?`}`
  }
  if (known[name]?.type === 'boolean') return `option \`${option}\` takes no value`
  return `option \`${option}\` needs a value; one that begins with a dash is written \`${option}=${known[name]?.value ?? 'VALUE'}\``
}

/** @throws `usage` naming the words that would have been understood. */
export function unknownWord(command: string, word: string | undefined, known: readonly string[]): Problem {
  const expected = known.map((name) => `\`${name}\``).join(', ')
  return problem('usage', word === undefined ? `say one of ${expected}` : `\`${word}\` is none of ${expected}`, {
    command,
  })
}
