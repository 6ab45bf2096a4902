/** What the tests of runbooks share: a page's blocks and commands, a folder with the application in it, and a terminal to type the commands into. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PLINTH } from './plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Block {
  /** What stands behind the three marks that open it. */
  readonly language: string
  readonly text: string
}

/** The blocks of a page, by its path in this checkout. */
export const blocksOf = (page: string): readonly Block[] =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', text = '']) => ({ language, text }),
  )

/** One command a line, but for a here-document, which is one command. */
export const commandsIn = ({ text }: Block): readonly string[] =>
  text.includes('<<END') ? [text] : text.trim().split('\n')

/** All commands of a page. @throws when it has a block in a language that is neither run nor known to be only shown */
export const commandsOf = (page: string, shown: readonly string[] = []): readonly string[] =>
  blocksOf(page).flatMap((block) => {
    if (shown.includes(block.language)) return []
    assert.equal(block.language, 'sh', `${page}: a block in a language that no test runs`)
    return commandsIn(block)
  })

/** What `npm install` and a checkout would have put there: the package, its schema library, and the verifier. */
export function linkCheckout(folder: string): void {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules', 'plinth'))
  symlinkSync(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
  symlinkSync(join(ROOT, 'verifier'), join(folder, 'verifier'))
}

/** A copy of an application, installed. @returns its folder */
export function installedCopy(application: string, folder: string): string {
  cpSync(application, folder, { recursive: true })
  linkCheckout(folder)
  return folder
}

export interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Terminal {
  readonly #cwd: string
  readonly environment: NodeJS.ProcessEnv

  /** `npx plinth …` runs this checkout's command line, `npx node` and `node` are the one that runs this test; heads and evidence stay in the scratch folder. */
  constructor(cwd: string, scratch: string, variables: Readonly<Record<string, string>> = {}) {
    const tools = join(scratch, 'bin')
    mkdirSync(tools)
    const program = (name: string, line: string): void =>
      writeFileSync(join(tools, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 })
    const [node, plinth] = [`"${process.execPath}"`, `"${process.execPath}" "${PLINTH}"`]
    program('npx', `case "$1" in node) shift; exec ${node} "$@";; esac\nshift\nexec ${plinth} "$@"`)
    program('node', `exec "${process.execPath}" "$@"`)
    const inherited = Object.entries(process.env).filter(([name]) => !/^(PLINTH_|NODE_TEST_CONTEXT$)/.test(name))
    this.#cwd = cwd
    this.environment = {
      ...Object.fromEntries(inherited),
      PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
      PLINTH_HEADS: join(scratch, 'heads'),
      ...variables,
    }
  }

  /** One line, or one program with its words, to its end; not synchronously, since servers may answer from this process. */
  async run(command: string | readonly string[], cwd = this.#cwd): Promise<Output> {
    const [program = '', ...words] = typeof command === 'string' ? ['sh', '-c', command] : command
    const child = spawn(program, words, { cwd, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, ...output }
  }

  /** A command that must exit as its comment `# exits with N` says, with 0 where it says nothing. @returns all that it said */
  async type(line: string, cwd = this.#cwd): Promise<string> {
    assert.doesNotMatch(
      line,
      /^node /,
      'the Node of whoever reads this may be too old: `npx node` is the one that came along',
    )
    const { code, stdout, stderr } = await this.run(line, cwd)
    assert.equal(code, Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0), `${line}\n${stdout}${stderr}`)
    return stdout + stderr
  }
}
