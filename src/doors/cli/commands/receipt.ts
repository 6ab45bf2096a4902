/** `plinth receipt check`: whether a receipt is true, with the log's public key and nothing else. No system is asked. */
import { readFile } from 'node:fs/promises'
import { shownOverHttp } from '../../../client/log/shown.ts'
import { problem } from '../../../model/problems.ts'
import type { LogRecord } from '../../../model/record.ts'
import type { Receipt } from '../../../model/receipt.ts'
import { NoteError, parseVerifierKey } from '../../../model/signed-note.ts'
import { verifyWithKeys } from '../../../client/log/check-receipt.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { pinnedKeys } from '../log-watch.ts'
import { time } from '../table.ts'
import { printable } from '../terminal.ts'

export async function run({ words, options, terminal }: CommandCall): Promise<ExitCode> {
  const [word, file] = words
  if (word !== 'check') throw unknownWord('receipt', word, ['check'])
  if (file === undefined) throw problem('usage', 'say which: `plinth receipt check FILE`', { command: 'receipt' })
  const vkeys = await pinnedKeys(options, dataDirectory(options))
  if (vkeys === null) throw problem('usage', 'the key of the log is needed: `--vkey`', { command: 'receipt' })
  const receipt = await readReceipt(file)
  try {
    const checkpoint = verifyWithKeys(receipt, vkeys.map(parseVerifierKey))
    const record = JSON.parse(receipt.record) as LogRecord
    if (terminal.json) terminal.data(JSON.stringify({ kind: 'receipt', valid: true, ...checkpoint, record }))
    else {
      const what = record.kind === 'operation' ? `${record.action} ${record.state}` : `${record.stream} v${record.n}`
      terminal.data(printable(`true: #${receipt.index}  ${time(record.t)}  ${record.actor}  ${what}  ${record.op}`))
      terminal.data(
        printable(`signed by ${checkpoint.origin} over ${checkpoint.size} records, root ${checkpoint.rootHash}`),
      )
      terminal.talk(
        'not checked: the payload, and that the log still holds it: `plinth log gossip` and an export say that',
      )
    }
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('log-proof-invalid', `\`${file}\`: ${error.message}`, {}, error)
  }
}

/** A receipt, or any answer that has one. @throws `usage`, `malformed-json` */
async function readReceipt(file: string): Promise<Receipt> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw problem('usage', `\`${file}\` cannot be read`, {}, cause)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw problem('malformed-json', `\`${file}\` is not JSON`, {}, cause)
  }
  const members = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, never>>
  const { receipt } = shownOverHttp(new Headers(), 'receipt' in members ? members : { receipt: members as never })
  if (receipt === null)
    throw problem('malformed-json', `\`${file}\` holds no receipt: \`index\`, \`record\`, \`proof\``)
  return receipt
}
