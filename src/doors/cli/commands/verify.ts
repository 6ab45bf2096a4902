/** `plinth verify`: audits a data directory. Works while nothing runs on it, and beside a running system. */
import type { CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printable } from '../terminal.ts'

const VERDICTS = { valid: 'valid', 'valid-with-erasures': 'valid with erasures', invalid: 'invalid' } as const

export async function run({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  const progress = (done: number, total: number): void => {
    if (terminal.interactive) process.stderr.write(`\r${done} of ${total} records`)
  }
  const report = await composition.verifyOffline(
    dataDirectory(options),
    options.text('key'),
    progress,
    stop.signal,
    options.text('subject-keys'),
  )
  process.removeListener('SIGINT', interrupt)
  if (terminal.interactive) process.stderr.write('\r\u001b[K')
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'verification', ...report }))
  else {
    const verdict = terminal.style(report.verdict === 'invalid' ? 'red' : 'green', VERDICTS[report.verdict])
    terminal.data(`${verdict}: ${report.records} records, tree size ${report.treeSize}, root ${report.rootHash}`)
    for (const [name, model] of Object.entries(report.readModels))
      terminal.data(
        `read model ${name}: ${model.rows} rows, ${model.equal ? 'equal to its rebuild' : 'DIFFERS from its rebuild'}`,
      )
    if (report.erased > 0) terminal.data(`erased: personal data of ${report.erased} records, as records of the log say`)
    for (const finding of report.findings) terminal.data(`#${finding.position ?? '?'}  ${printable(finding.what)}`)
    for (const unchecked of report.notChecked) terminal.data(`not checked: ${printable(unchecked)}`)
  }
  return report.verdict === 'invalid' ? EXIT.proofFailed : EXIT.ok
}
