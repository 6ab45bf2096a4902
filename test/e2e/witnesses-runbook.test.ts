/** The commands of docs/operating/witnesses.md, in order, as an operator would type them; what `# runs on` stays up in a terminal of its own. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { lastingPort } from '../support/lasting-port.ts'
import { STARTER, plinth, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { commandsOf, installedCopy, Terminal } from '../support/runbook.ts'

test(
  'the runbook does what it says: witnesses, policy, a witnessed call, a stop that is found and resumed',
  { timeout: 600_000 },
  async (t) => {
    await using workspace = await temporaryFolder()
    const folder = installedCopy(STARTER, join(workspace.path, 'shop'))
    const first = await startPlinth('start', ['--app', '.', '--dir', '.plinth'], { cwd: folder })
    assert.equal(await first.stop(), 0)

    const terminal = new Terminal(folder, workspace.path)
    const second = new SecondTerminal(folder, terminal.environment)
    await using ending = new AsyncDisposableStack() // before the folder goes
    ending.defer(() => second.endAll())
    const ports = new Map<string, number>()
    for (const port of ['7801', '7802', '7803']) ports.set(port, await lastingPort())
    const here = (line: string): string =>
      [...ports].reduce((text, [from, to]) => text.replaceAll(from, String(to)), line)
    let resumes = 0
    for (const command of commandsOf('docs/operating/witnesses.md')) {
      if (command.includes('log resume')) {
        resumes++
        await second.endAll()
        await stopTheLog(folder)
        const { code, stdout } = await plinth(['log', 'resume', '--json', '--reason', 'x'], { cwd: folder })
        assert.equal(code, 2, `without --yes nobody can be asked: ${stdout}`)
      }
      if (command.includes('# runs on')) await second.keep(here(command))
      else {
        const output = await terminal.type(here(command))
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

/** Where what runs on is kept running. */
class SecondTerminal {
  readonly #cwd: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #kept: ChildProcess[] = []

  constructor(cwd: string, environment: NodeJS.ProcessEnv) {
    this.#cwd = cwd
    this.#environment = environment
  }

  /** Starts what runs on, and waits until it says that it is up. */
  async keep(command: string): Promise<void> {
    const words = command.split('#')[0]
    const line = command.includes('plinth start') ? `${words} --app . --port 0 --json` : words
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const child = spawn('sh', ['-c', `exec ${line}`], { cwd: this.#cwd, env: this.#environment, stdio: [...stdio] })
    this.#kept.push(child)
    assert.ok(child.stdout !== null)
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
    assert.notEqual(first.done, true, `it ended: ${command}`)
  }

  async endAll(): Promise<void> {
    for (const child of this.#kept.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'close')
    }
  }
}
