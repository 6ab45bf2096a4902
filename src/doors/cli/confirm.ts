/** A change is shown before it is made: a terminal asks, without one `--yes` must say so. */
import { problem } from '../../model/problems.ts'
import type { ParsedOptions } from './command.ts'
import type { Terminal } from './terminal.ts'

/** @returns false when the person said no. @throws `usage` when nobody can be asked */
export async function confirmed(
  terminal: Terminal,
  options: ParsedOptions,
  preview: readonly string[],
  question: string,
): Promise<boolean> {
  for (const line of preview) terminal.talk(line)
  if (options.flag('yes')) return true
  if (!terminal.interactive) throw problem('usage', 'nobody can be asked here: read the preview and add `--yes`')
  const answer = await terminal.ask(`${question} [y/N] `)
  if (answer === 'y' || answer === 'yes') return true
  terminal.talk('nothing was changed')
  return false
}
