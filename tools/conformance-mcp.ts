/**
 * `npm run conformance:mcp`: the official MCP suite against the fixture on the production door. Prints every scored scenario of both stable
 * revisions and fails when one of them did not pass, was skipped, or is missing from the run. Scenarios that the suite itself does not score are
 * counted in one line.
 *
 *   node tools/conformance-mcp.ts [--revision 2025-11-25|2026-07-28] [--json]
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { openFixture } from '../test/conformance/mcp/open-fixture.ts'

const REVISIONS = ['2025-11-25', '2026-07-28'] as const
/** One run of the suite takes some seconds; beyond this it hangs. */
const SUITE_TIMEOUT_MS = 300_000

const CLI = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')),
  'dist/index.js',
)

export interface Scenario {
  readonly revision: string
  readonly scenario: string
  readonly scored: boolean
  readonly passed: number
  readonly failed: number
}

/** What the suite prints, all of it. Its exit code says less than its lines. */
function runSuite(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: SUITE_TIMEOUT_MS,
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}

/** Names that this revision requires of a server, frozen in the suite. */
async function requiredScenarios(revision: string): Promise<readonly string[]> {
  const output = await runSuite(['list', '--server', '--requirements', revision])
  const server = output.split(/^Server scenarios.*$/m)[1]?.split(/^(?=\S)/m)[0] ?? ''
  return [...server.matchAll(/^ {2}- (\S+)$/gm)].map((match) => match[1] as string)
}

async function scenariosOf(revision: string, url: string, results: string): Promise<readonly Scenario[]> {
  const required = await requiredScenarios(revision)
  if (required.length === 0) throw new Error(`the suite names no scenario for ${revision}`)
  const output = await runSuite(['server', '--url', url, '--requirements', revision, '-o', results])
  const lines = [...output.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed/gm)]
  const ran = lines.map(([, scenario, passed, failed]) => ({
    revision,
    scenario: scenario as string,
    scored: required.includes(scenario as string),
    passed: Number(passed),
    failed: Number(failed),
  }))
  const missing = required.filter((name) => !ran.some(({ scenario }) => scenario === name))
  return [...ran, ...missing.map((scenario) => ({ revision, scenario, scored: true, passed: 0, failed: 0 }))]
}

const hasPassed = ({ passed, failed }: Scenario): boolean => passed > 0 && failed === 0

const { values } = parseArgs({ options: { revision: { type: 'string' }, json: { type: 'boolean' } } })
const fixture = await openFixture()
const results = await mkdtemp(join(tmpdir(), 'plinth-conformance-'))
const all: Scenario[] = []
try {
  for (const revision of REVISIONS) {
    if (values.revision !== undefined && values.revision !== revision) continue
    const scenarios = await scenariosOf(revision, fixture.url, results)
    all.push(...scenarios)
    if (values.json === true) continue
    for (const each of scenarios.filter(({ scored }) => scored))
      console.log(
        `${hasPassed(each) ? 'pass' : 'FAIL'}  ${revision}  ${each.scenario}  ${each.passed} of ${each.passed + each.failed} checks`,
      )
    const unscored = scenarios.filter(({ scored }) => !scored)
    console.log(`      ${revision}  not scored: ${unscored.filter(hasPassed).length} of ${unscored.length} pass`)
  }
} finally {
  await fixture.close()
  await rm(results, { recursive: true, force: true })
}
const scored = all.filter((each) => each.scored)
const failed = scored.filter((each) => !hasPassed(each))
const summary = {
  scored: scored.length,
  passed: scored.length - failed.length,
  failed: failed.map(({ revision, scenario }) => `${revision} ${scenario}`),
}
console.log(
  values.json === true ? JSON.stringify(summary) : `${summary.passed} of ${summary.scored} scored scenarios pass`,
)
process.exitCode = failed.length === 0 && scored.length > 0 ? 0 : 1
