/** `plinth policy test`: the cases beside the policies, each with the verdict it must get. For the CI of whoever writes an application. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { PolicyTestReport } from '../../../engine/audit/report.ts'
import { problem } from '../../../model/problems.ts'
import { applicationPath } from '../application-path.ts'
import type { CommandCall } from '../command.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readCaseFiles, readPolicyFolder } from '../policy-folder.ts'
import { printable } from '../terminal.ts'

export async function test(
  { options, terminal, composition }: CommandCall,
  named: string | undefined,
): Promise<ExitCode> {
  const folder = named ?? join(applicationPath(options.text('app')), 'policies')
  if (!existsSync(folder)) throw problem('usage', `there is no folder \`${folder}\`: \`plinth policy test FOLDER\``)
  const cases = await readCaseFiles(folder)
  if (Object.keys(cases).length === 0)
    throw problem('usage', `\`${folder}\` holds no cases: write them as \`NAME.cases.json\` (docs/operating/audit.md)`)
  const app = options.text('app')
  const report = await composition.policyTest({
    folder: resolve(folder),
    files: await readPolicyFolder(folder),
    cases,
    application: app === null ? null : resolve(app),
  })
  const sound = report.failed.length === 0 && report.faults.length === 0
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'policy-test', ...report }))
  else {
    const { passed, failed, faults, policies, uncovered } = report
    for (const fault of faults) terminal.data(`fault: ${printable(fault)}`)
    for (const one of failed) terminal.data(printable(line(one)))
    terminal.data(
      `${terminal.style(sound ? 'green' : 'red', sound ? 'passed' : 'failed')}: ${passed} of ${report.cases} cases, ` +
        `${policies - uncovered.length} of ${policies} policies determined one`,
    )
    if (uncovered.length > 0) terminal.data(`no case comes to: ${uncovered.join(' ')}`)
  }
  return sound ? EXIT.ok : EXIT.failed
}

function line({ file, name, expected, got, errors }: PolicyTestReport['failed'][number]): string {
  const said = (verdict: string, rules: readonly string[] | null): string =>
    `${verdict}${rules === null ? '' : ` [${rules.join(' ')}]`}`
  if (got === null) return `${file}: ${name}: ${errors.join('; ')}`
  return `${file}: ${name}: expected ${said(expected.verdict, expected.rules)}, got ${said(got.verdict, got.rules)}`
}
