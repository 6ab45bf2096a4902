/**
 * `npm run test:mutations`: every mutation of bundles, stores and anchors, in parts of a few minutes each, one after the other; then the page that counts them.
 *
 *   node tools/mutations.ts [bundle] [store] [anchor] [beside] [--parts N] [--jobs N] [--first N] [--reports DIR]
 *
 * `--reports` keeps what each part found in a directory: run again, the parts that are there already are not tried again.
 * One that is not noticed fails, and what the part said is printed. Words pick artifacts; the page keeps what it says of the others.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Tried } from '../test/vectors/mutation/enumeration.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const PAGE = join(root, 'docs', 'reference', 'mutations.md')
/** Parts of each, so that one takes some minutes. */
const PARTS: Readonly<Record<string, number>> = { bundle: 4, store: 6, export: 1 }

const PART_MS_MAX = 3_600_000 // one that hangs is a fault

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    parts: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    first: { type: 'string' },
    reports: { type: 'string' },
  },
})
const artifacts = readdirSync(join(root, 'test', 'vectors'))
  .flatMap((name) => /^(.*)-mutations\.test\.ts$/.exec(name)?.[1] ?? [])
  .filter((artifact) => positionals.length === 0 || positionals.includes(artifact))
const parts = artifacts.flatMap((artifact) => {
  const count = Number(values.parts ?? PARTS[artifact] ?? 2)
  const taken = Math.min(count, Number(values.first ?? count)) // a few of the parts, to try something out
  return Array.from({ length: taken }, (_, place) => ({ artifact, part: `${place}/${count}` }))
})
const reports = values.reports ?? mkdtempSync(join(tmpdir(), 'plinth-mutations-'))
mkdirSync(reports, { recursive: true })
const totals: Record<string, Record<string, Record<string, number>>> = {}
const startedMs = performance.now()
let failed = 0
let done = 0

async function run({ artifact, part }: (typeof parts)[number]): Promise<void> {
  const report = join(reports, `${artifact}-${part.replace('/', '-')}.json`)
  const unfinished = `${report}.new`
  if (existsSync(report)) {
    done++
    return add(JSON.parse(readFileSync(report, 'utf8')) as Record<string, Tried>)
  }
  const child = spawn(process.execPath, [`test/vectors/${artifact}-mutations.test.ts`], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: PART_MS_MAX,
    env: {
      ...process.env,
      PLINTH_MUTATIONS: 'full',
      PLINTH_MUTATIONS_PART: part,
      PLINTH_MUTATIONS_REPORT: unfinished,
    },
  })
  const said: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => said.push(bytes))
  const [code] = (await once(child, 'close')) as [number | null]
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1)
  console.log(
    `${code === 0 ? 'ok    ' : 'FAILED'} ${artifact} ${part}: ${++done} of ${parts.length} parts, ${minutes} minutes`,
  )
  if (code !== 0) {
    failed++
    console.log(Buffer.concat(said).toString().slice(-8_000))
  }
  if (!existsSync(unfinished)) return
  if (code === 0) renameSync(unfinished, report)
  add(JSON.parse(readFileSync(code === 0 ? report : unfinished, 'utf8')) as Record<string, Tried>)
}

function add(tried: Record<string, Tried>): void {
  for (const [artifact, kinds] of Object.entries(tried))
    for (const [kind, { verdicts }] of Object.entries(kinds)) {
      const sums = ((totals[artifact] ??= {})[kind] ??= {})
      for (const [verdict, count] of Object.entries(verdicts)) sums[verdict] = (sums[verdict] ?? 0) + count
    }
}

const waiting = parts.values()
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (const part of waiting) await run(part)
  }),
)
if (values.reports === undefined) rmSync(reports, { recursive: true })
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((all, one) => all + one, 0)
for (const [artifact, kinds] of Object.entries(totals))
  console.log(
    `${artifact}: ${Object.values(kinds).reduce((all, counts) => all + sum(counts), 0)} mutations of ${Object.keys(kinds).length} kinds`,
  )
const minutes = Math.ceil((performance.now() - startedMs) / 60_000)
console.log(failed === 0 ? `every one gave the right verdict, in ${minutes} minutes` : `${failed} parts failed`)
if (failed > 0) process.exitCode = 1
else if (values.first === undefined) writePage()

function writePage(): void {
  let sections = new Map<string, string>()
  try {
    const text = readFileSync(PAGE, 'utf8')
    sections = new Map(
      text
        .split(/^## /m)
        .slice(1)
        .map((section) => [section.slice(0, section.indexOf('\n')), section.trimEnd()]),
    )
  } catch {
    // The first of its kind.
  }
  for (const [artifact, kinds] of Object.entries(totals)) {
    const rows = Object.entries(kinds)
      .filter(([, counts]) => sum(counts) > 0)
      .map(([kind, counts]) => {
        const said = Object.entries(counts).map(([verdict, count]) =>
          Object.keys(counts).length === 1 ? verdict : `${count} ${verdict}`,
        )
        return `| ${kind.replaceAll('|', '\\|')} | ${sum(counts)} | ${said.join(', ')} |`
      })
    const all = Object.values(kinds).reduce((total, counts) => total + sum(counts), 0)
    const table = ['| mutation | tried | verdict |', '| --- | --- | --- |', ...rows].join('\n')
    sections.set(artifact, `${artifact}\n\n${all} mutations.\n\n${table}`)
  }
  const text = `# Mutations

Written by \`npm run test:mutations\`, which tries every one and fails when one gives a verdict that is not the right one (\`test/vectors/*-mutations.test.ts\`). Everyday tests
try a sample of the same. What is left \`valid\`, or has the same content, changes nothing that anybody reads; what is passed over is derived, or kept elsewhere as well. Tests list each such case with its reason.
_Signed_ is by somebody who has the log's key. A history of his that does not contradict itself is VALID_UNWITNESSED to who knows nothing but that key; it is put to two
more, and each time ROLLBACK or EQUIVOCATION to who kept a checkpoint, and INVALID or INSUFFICIENT to who asks for witnesses.

${[...sections]
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([, section]) => `## ${section}`)
  .join('\n\n')}
`
  writeFileSync(PAGE, text)
  console.log(`written: ${PAGE}`)
}
