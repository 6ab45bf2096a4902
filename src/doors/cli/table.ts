/** Columns of text for people. Programs use `--json`. */
import { shown } from './terminal.ts'

const CELL_WIDTH_MAX = 60 // characters; longer values are cut with an ellipsis, `--json` has them whole

export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [head, ...rows.map((row) => row.map((value) => cut(shown(value ?? ''))))]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}

const cut = (text: string): string => (text.length > CELL_WIDTH_MAX ? `${text.slice(0, CELL_WIDTH_MAX - 1)}…` : text)

/** `2026-11-21 12:00:05Z`: UTC, always. */
export const time = (ms: number | null): string =>
  ms === null ? '' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`
