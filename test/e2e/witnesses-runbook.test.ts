/** The commands of docs/operating/witnesses.md, in order, as an operator would type them; what `# runs on` stays up in a terminal of its own. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { PLINTH, STARTER, plinth, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const PAGE = fileURLToPath(new URL('../../docs/operating/witnesses.md', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** One command a line, but for a here-document, which is one command. */
async function commandsOf(page: string): Promise<readonly string[]> {
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    (match) => match[1] ?? '',
  )
  return blocks.flatMap((block) => (block.includes('<<END') ? [block] : block.trim().split('\n')))
}

test(
  'the runbook does what it says: witnesses, policy, a witnessed call, a stop that is found and resumed',
  { timeout: 150_000 },
  async (t) => {
    await using workspace = await temporaryFolder()
    const folder = join(workspace.path, 'shop')
    await cp(STARTER, folder, { recursive: true })
    await mkdir(join(folder, 'node_modules'))
    await symlink(ROOT, join(folder, 'node_modules', 'plinth'))
    await symlink(join(ROOT, 'verifier'), join(folder, 'verifier'))
    await symlink(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
    const first = await startPlinth('start', ['--app', '.', '--dir', '.plinth'], { cwd: folder })
    assert.equal(await first.stop(), 0)

    const terminal = await openTerminal(folder, workspace.path)
    t.after(() => terminal.close())
    const ports = new Map<string, number>()
    for (const port of ['7801', '7802', '7803']) ports.set(port, await freePort())
    const here = (line: string): string =>
      [...ports].reduce((text, [from, to]) => text.replaceAll(from, String(to)), line)
    let resumes = 0
    for (const command of await commandsOf(PAGE)) {
      if (command.includes('log resume')) {
        resumes++
        await terminal.endAll()
        await stopTheLog(folder)
        const { code, stdout } = await plinth(['log', 'resume', '--json', '--reason', 'x'], { cwd: folder })
        assert.equal(code, 2, `without --yes nobody can be asked: ${stdout}`)
      }
      if (command.includes('# runs on')) await terminal.keep(here(command))
      else {
        const { code, output } = await terminal.run(here(command))
        assert.equal(code, 0, `${command}\n${output}`)
        if (command.includes('--acknowledge witnessed')) assert.match(output, /committed at #\d+, witnessed/)
        if (command.includes('log witnesses')) assert.match(output, /3, 1 may be down, 0 may lie[^]*one .*\n.*two /)
      }
      t.diagnostic(command)
    }
    assert.equal(resumes, 1)
    assert.equal((await plinth(['log', 'resume', '--reason', 'x', '--yes'], { cwd: folder })).code, 2, 'only once')
  },
)

/** A mark as a refusal leaves it; that refusals leave it is shown by src/engine/acknowledgement/log-stop.test.ts. */
async function stopTheLog(folder: string): Promise<void> {
  const evidence = join(folder, '.plinth/evidence')
  await mkdir(evidence)
  const mark = {
    v: 1,
    kind: 'refusal',
    witness: 'three',
    detail: '422: no',
    evidence: join(evidence, 'refusal-1.json'),
  }
  await writeFile(join(evidence, 'log-stopped.json'), JSON.stringify({ ...mark, stoppedAtMs: 1 }))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Shell {
  run(command: string): Promise<{ readonly code: number | null; readonly output: string }>
  /** Starts what runs on, and waits until it says that it is up. */
  keep(command: string): Promise<void>
  endAll(): Promise<void>
  close(): Promise<void>
}

async function openTerminal(cwd: string, scratch: string): Promise<Shell> {
  const tools = join(scratch, 'bin')
  await mkdir(tools)
  await writeFile(join(tools, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PLINTH}" "$@"\n`)
  await writeFile(join(tools, 'node'), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`)
  for (const tool of ['npx', 'node']) await chmod(join(tools, tool), 0o755)
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
  const env = {
    ...{ ...inherited, PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}` },
    ...{ PLINTH_DIR: '', PLINTH_URL: '', PLINTH_TOKEN: '', PLINTH_HEADS: join(scratch, 'heads'), NO_COLOR: '1' },
  }
  const kept: ChildProcess[] = []
  const endAll = async (): Promise<void> => {
    for (const child of kept.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'close')
    }
  }
  return {
    async run(command) {
      const child = spawn('sh', ['-c', command], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => (output += text))
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, output }
    },
    async keep(command) {
      const words = command.includes('plinth start')
        ? `${command.split('#')[0]} --app . --port 0 --json`
        : command.split('#')[0]
      const child = spawn('sh', ['-c', `exec ${words}`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
      kept.push(child)
      const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
      assert.notEqual(line.done, true, `it ended: ${command}`)
    },
    endAll,
    close: endAll,
  }
}
