/** Runs the commands of a runbook in docs/operating/ as an operator would type them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { PLINTH } from './plinth-process.ts'

/** Lines of all its `sh` blocks, in order. */
export const linesOf = (page: string): readonly string[] =>
  [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trim().split('\n'))

export async function runLine(line: string, cwd: string, env: NodeJS.ProcessEnv) {
  const child = spawn('sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** `npx plinth …` runs this checkout's command line, and nothing of the user's own environment reaches it. */
export function runbookEnvironment(folder: string): NodeJS.ProcessEnv {
  const tools = join(folder, 'bin')
  mkdirSync(tools)
  writeFileSync(join(tools, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PLINTH}" "$@"\n`)
  chmodSync(join(tools, 'npx'), 0o755)
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
  return {
    ...{ ...inherited, PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1', PLINTH_HEADS: 'off' },
    ...{ PLINTH_DIR: '', PLINTH_URL: '', PLINTH_TOKEN: '', PLINTH_WARDEN: '', PLINTH_OPERATOR: '' },
  }
}
