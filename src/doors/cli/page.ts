/** A page of a list: the same three members everywhere. */
import type { Page } from '../../engine/engine.ts'
import type { ParsedOptions } from './command.ts'
import type { Terminal } from './terminal.ts'
import { table } from './table.ts'

const PAGE_LIMIT_MAX = 200 // as the HTTP door has it

export const pageQuery = (options: ParsedOptions): Readonly<Record<string, string | number | null>> => ({
  limit: options.number('limit', PAGE_LIMIT_MAX),
  after: options.text('after'),
})

/** Prints a page: a table for people, with the cursor on stderr; one document for programs. */
export function printPage<T>(
  terminal: Terminal,
  kind: string,
  page: Page<T>,
  head: readonly string[],
  row: (item: T) => readonly unknown[],
): void {
  if (terminal.json) return terminal.data(JSON.stringify({ kind, ...page }))
  if (page.items.length === 0) return terminal.talk('nothing to show')
  terminal.data(table(head, page.items.map(row)))
  if (page.next !== null) terminal.talk(`more: --after ${page.next}`)
}
