/**
 * stdout is data, stderr is talk. Colour only on a terminal and without NO_COLOR, so that nothing piped ever holds an escape byte;
 * control characters inside values are made visible, since whoever wrote them may be the one under investigation.
 */
import { styleText } from 'node:util'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { problem } from '../../model/problems.ts'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export interface Terminal {
  readonly json: boolean
  /** True when a person can be asked. */
  readonly interactive: boolean
  /** One line, or several, to stdout. */
  data(text: string): void
  /** One line, or several, to stderr. */
  talk(text: string): void
  /** Styles text for stdout. */
  style(style: Style, text: string): string
  ask(question: string): Promise<string>
}

// Control characters, line ends, and what is not seen or reorders what is: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** The text with such characters written out as `\u001b`. */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (found) => {
    const code = found.codePointAt(0) ?? 0
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })

/** A value on one line: strings as they are, everything else as JSON. */
export const shown = (value: unknown): string =>
  printable(typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value))

export function openTerminal(json: boolean): Terminal {
  const coloured = process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb' && !json
  return {
    json,
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    data: (text) => void process.stdout.write(`${text}\n`),
    talk: (text) => void process.stderr.write(`${text}\n`),
    style: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
    async ask(question) {
      const reader = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return (await reader.question(question)).trim()
      } finally {
        reader.close()
      }
    },
  }
}

/** Asks without showing what is typed. @throws `usage` when nobody can be asked */
export async function askHidden(question: string): Promise<string> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true)
    throw problem('usage', 'nobody can be asked for a passphrase here: name a file with `--passphrase-file`')
  process.stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    return await reader.question('')
  } finally {
    reader.close()
    process.stderr.write('\n')
  }
}
