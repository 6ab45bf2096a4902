/** Writes docs/reference/ from the code; with `--check` only says what is out of date, and which links of the docs lead nowhere. */
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { COMMANDS } from '../src/doors/cli/commands.ts'
import { COMMON_OPTIONS } from '../src/doors/cli/command.ts'
import { exitCodes, optionLines } from '../src/doors/cli/help.ts'
import { PROBLEMS, type ProblemSpec } from '../src/model/problems.ts'
import { storesPage } from './stores/page.ts'

const RETRY: Readonly<Record<ProblemSpec['retry'], string>> = {
  'same-key': 'yes, with the same key',
  'new-key': 'after a correction, with a new key',
  later: 'later, with the same key',
  never: 'no',
}

function problemsPage(): string {
  const specs: readonly (readonly [string, ProblemSpec])[] = Object.entries(PROBLEMS)
  return [
    '# Problem codes',
    '',
    'Generated from `src/model/problems.ts` by `npm run docs`. Codes are never renamed.',
    'HTTP sends `application/problem+json` with `code`; MCP a tool result with `isError`; the command line prints title, detail and next step.',
    '',
    '| code | HTTP | meaning | retry | next |',
    '| --- | --- | --- | --- | --- |',
    ...specs.map(
      ([code, { status, title, retry, next }]) => `| \`${code}\` | ${status} | ${title} | ${RETRY[retry]} | ${next} |`,
    ),
    '',
  ].join('\n')
}

function commandLinePage(): string {
  return [
    '# Command line',
    '',
    'Generated from `src/doors/cli/commands.ts` by `npm run docs`. stdout is data, stderr is talk; `--json` prints one document with `kind`',
    '(one a line for streams); nothing piped holds an escape byte, and `NO_COLOR` switches colour off on a terminal.',
    '',
    ...COMMANDS.flatMap((command) => [
      `## plinth ${command.name}`,
      '',
      `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`,
      '',
      '```text',
      ...command.usage.map((form) => `plinth ${form}`),
      '',
      ...optionLines({ ...command.options, ...COMMON_OPTIONS }),
      '```',
      '',
    ]),
    '## Exit codes',
    '',
    '```text',
    ...exitCodes(),
    '```',
    '',
  ].join('\n')
}

const PAGES: Readonly<Record<string, () => string>> = {
  'docs/reference/problems.md': problemsPage,
  'docs/reference/cli.md': commandLinePage,
  'docs/reference/stores.md': storesPage,
}

/** Relative links of Markdown files, and `docs/…` pointers in problems, that lead to no file or no heading. */
function deadLinks(): readonly string[] {
  const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'bench/*.md'])
  const links = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map((match) => {
      const target = match[1] ?? ''
      const path = target.startsWith('#') ? page + target : posix.join(posix.dirname(page), target)
      return { page, path }
    }),
  )
  const pointers = Object.entries(PROBLEMS).flatMap(([code, { next }]) =>
    [...next.matchAll(/docs\/[\w/.-]+\.md(#[\w-]+)?/g)].map((match) => ({ page: `problem ${code}`, path: match[0] })),
  )
  return [...links, ...pointers]
    .filter(({ path }) => !leadsSomewhere(path))
    .map(({ page, path }) => `${page}: \`${path}\``)
}

function leadsSomewhere(path: string): boolean {
  const [file = '', anchor] = path.split('#')
  if (!existsSync(file)) return false
  return anchor === undefined || headings(readFileSync(file, 'utf8')).includes(anchor)
}

const headings = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

const check = process.argv.includes('--check')
const faults: string[] = []
for (const [path, make] of Object.entries(PAGES)) {
  const page = make()
  if (!check) {
    mkdirSync(posix.dirname(path), { recursive: true })
    writeFileSync(path, page)
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== page)
    faults.push(`${path} is out of date: \`npm run docs\``)
}
faults.push(...deadLinks().map((link) => `dead link in ${link}`))
for (const fault of faults) console.error(fault)
console.log(`docs: ${Object.keys(PAGES).length} generated pages, ${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
