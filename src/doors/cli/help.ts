/** Help texts, made from the table of commands. */
import { COMMON_OPTIONS, type Command, type Options } from './command.ts'
import { EXIT, EXIT_MEANING } from './exit-codes.ts'

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length))
  return [
    'plinth: the runtime underneath AI agents',
    '',
    'usage: plinth COMMAND …   (`plinth COMMAND --help` says more; `--json` works everywhere)',
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'exit codes',
    ...exitCodes(),
  ].join('\n')
}

export const exitCodes = (): readonly string[] =>
  Object.entries(EXIT).map(
    ([name, code]) => `  ${String(code).padStart(3)}  ${EXIT_MEANING[name as keyof typeof EXIT]}`,
  )

export function commandHelp(command: Command): string {
  return [
    `plinth ${command.name}: ${command.summary}`,
    '',
    ...command.usage.map((form, index) => `${index === 0 ? 'usage:' : '      '} plinth ${form}`),
    '',
    ...optionLines({ ...command.options, ...COMMON_OPTIONS }),
  ].join('\n')
}

export function optionLines(options: Options): readonly string[] {
  const named = Object.entries(options).map(([name, option]) => ({
    left: `--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
    describe: option.describe,
  }))
  const width = Math.max(...named.map(({ left }) => left.length))
  return named.map(({ left, describe }) => `  ${left.padEnd(width)}  ${describe}`)
}
