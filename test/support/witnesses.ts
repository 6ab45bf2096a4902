/** Witness processes for one test, on free ports of loopback, and the policy file that pins them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseVerifierKey } from '../../src/model/signed-note.ts'
import { logOfKey } from '../../src/transparency-log/cosignature-checkpoint.ts'
import { openWitness } from '../../src/transparency-log/witness/open-witness.ts'
import { lastingPort } from './lasting-port.ts'

const WITNESS = fileURLToPath(new URL('../../src/transparency-log/witness/main.ts', import.meta.url))
/** Of the test alone: speaks what C2SP says, and shares no line with this repository. */
export const OTHER_WITNESS = fileURLToPath(new URL('./other-witness.mjs', import.meta.url))

export interface Witness {
  readonly name: string
  readonly vkey: string
  readonly url: string
  readonly dir: string
  /** Ends it and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and directory. */
  again(): Promise<Witness>
}

/** The same in this process, which costs no start: for tests that do not kill it. */
export async function startWitnessHere(
  test: TestContext,
  folder: string,
  name: string,
  logVkey: string,
  port: number | null = null,
): Promise<Witness> {
  const dir = join(folder, name)
  const logs = [logOfKey(parseVerifierKey(logVkey))]
  const options = { dir, name: `witness.example/${name}`, port: port ?? (await lastingPort()), logs }
  const witness = await openWitness(options)
  test.after(() => witness.close())
  return {
    ...{ name, dir, url: witness.url, vkey: witness.vkey },
    kill: () => witness.close(),
    again: () => startWitnessHere(test, folder, name, logVkey, witness.port),
  }
}

/** @param folder of the test; the witness keeps its files in a folder of its own there */
export async function startWitnessProcess(
  test: TestContext,
  folder: string,
  name: string,
  logVkey: string,
  { port, program = WITNESS }: { readonly port?: number; readonly program?: string | undefined } = {},
): Promise<Witness> {
  const dir = join(folder, name)
  await mkdir(dir, { recursive: true })
  const address = ['--port', String(port ?? (await lastingPort()))]
  const words = ['--dir', dir, '--name', `witness.example/${name}`, ...address, '--log-vkey', logVkey]
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const kill = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  test.after(() => kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done === true) throw new Error(`witness \`${name}\` did not start`)
  const { url, vkey } = JSON.parse(first.value) as { readonly url: string; readonly vkey: string }
  const again = (): Promise<Witness> =>
    startWitnessProcess(test, folder, name, logVkey, { port: Number(new URL(url).port), program })
  return { name, vkey, url, dir, kill, again }
}

/** Writes a policy of `threshold` out of these witnesses. @returns its path */
export async function writePolicy(
  folder: string,
  logVkey: string,
  witnesses: readonly Pick<Witness, 'name' | 'vkey' | 'url'>[],
  threshold: number,
): Promise<string> {
  const path = join(folder, 'witness-policy')
  const lines = [
    `log ${logVkey}`,
    ...witnesses.map(({ name, vkey, url }) => `witness ${name} ${vkey} ${url}`),
    `group quorum ${threshold} ${witnesses.map(({ name }) => name).join(' ')}`,
    'quorum quorum',
  ]
  await writeFile(path, `${lines.join('\n')}\n`)
  return path
}

export const logVkeyOf = async (dir: string): Promise<string> => (await readFile(join(dir, 'log.vkey'), 'utf8')).trim()
