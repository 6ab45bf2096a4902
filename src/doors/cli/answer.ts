/** One answer object as text: each line says whether it is recorded, derived or unknown, and where. */
import type { Answer, AnswerLine } from '../../model/answer.ts'
import { printable, shown, type Terminal } from './terminal.ts'

const KIND_STYLE = { recorded: 'green', derived: 'cyan', erased: 'yellow', unknown: 'yellow' } as const

export function renderAnswer(answer: Answer, terminal: Terminal): string {
  const width = Math.max(0, ...answer.lines.map((line) => line.label.length))
  return [
    terminal.style('bold', `${printable(answer.question)}  ${printable(answer.about)}`),
    ...answer.lines.map((line) => renderLine(line, width, terminal)),
    `as of #${answer.asOf}`,
    ...answer.next.map((next) => `next: ${printable(next)}`),
  ].join('\n')
}

function renderLine(line: AnswerLine, width: number, terminal: Terminal): string {
  const label = printable(line.label).padEnd(width)
  const kind = terminal.style(KIND_STYLE[line.kind], line.kind.padEnd('recorded'.length))
  const text =
    line.kind === 'erased'
      ? 'erased'
      : line.kind === 'unknown'
        ? `unknown; settled by: ${printable(line.settle)}`
        : shown(line.value)
  const refs = line.refs.length === 0 ? '' : terminal.style('dim', `  [${line.refs.map(printable).join(' ')}]`)
  return `${kind}  ${label}  ${text}${refs}`
}
