/** A committer with witness processes around it: what an acknowledgement at level `witnessed` takes, from handing in a batch to the quorum over its last record. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Acknowledgement } from '../../src/engine/acknowledgement/acknowledgement.ts'
import { LogStop } from '../../src/engine/acknowledgement/log-stop.ts'
import { openAcknowledgement } from '../../src/engine/acknowledgement/open-acknowledgement.ts'
import { openCommitter, type OpenCommitter } from '../../src/engine/committer/committer.ts'
import { systemClock } from '../../src/host/clock.ts'
import type { Position } from '../../src/model/ids.ts'
import { AGENT, appendRequest, appendStream, BENCH_ORIGIN } from './append-requests.ts'

const WITNESS = fileURLToPath(new URL('../../src/transparency-log/witness/main.ts', import.meta.url))
const WAIT_MS = 30_000

export interface WitnessedRound {
  readonly signedMs: number
  readonly witnessedMs: number
}
export interface WitnessBench extends AsyncDisposable {
  /** Commits this many operations at once; each on a stream of its own. */
  round(batch: number): Promise<WitnessedRound>
}

/** @param folder made here; the caller removes it */
export async function openWitnessBench(folder: string, count: number, threshold: number): Promise<WitnessBench> {
  const dir = join(folder, 'data')
  await mkdir(dir, { recursive: true })
  await using opened = new AsyncDisposableStack()
  const committer = opened.adopt(await openCommitter({ dir, origin: BENCH_ORIGIN }), (one) => one.close())
  await committer.adoptEpochs(1, new Map([[AGENT, 1]]))
  await committer.checkpoint()
  const lines = [`log ${committer.vkey}`]
  for (let i = 0; i < count; i++) {
    const { child, url, vkey } = await startWitness(join(folder, `w${i}`), `w.example/${i}`, committer.vkey)
    opened.defer(() => ended(child))
    lines.push(`witness w${i} ${vkey} ${url}`)
  }
  const names = Array.from({ length: count }, (_, i) => `w${i}`).join(' ')
  const policy = join(folder, 'policy')
  await writeFile(policy, [...lines, `group all ${threshold} ${names}`, 'quorum all', ''].join('\n'))
  const reader = opened.adopt(committer.reader(), (one) => one.close())
  const acknowledgement = opened.adopt(
    openAcknowledgement({
      ...{ dir, committer, reader, witnessPolicy: policy, stop: new LogStop(dir), clock: systemClock },
      manifest: { effects: {} } as Parameters<typeof openAcknowledgement>[0]['manifest'],
      onProblem: (what, error) => console.error(`${what}: ${String(error)}`),
    }),
    (one) => one.close(),
  )
  let stream = 0
  const all = opened.move()
  return {
    round: (batch) => oneRound(committer, acknowledgement, batch, () => stream++),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

async function oneRound(
  committer: OpenCommitter,
  { witnessing }: Acknowledgement,
  batch: number,
  next: () => number,
): Promise<WitnessedRound> {
  const requests = Array.from({ length: batch }, () => appendRequest(appendStream(next()), 0))
  const startedMs = performance.now()
  const results = await Promise.all(requests.map((request) => committer.commit(request)))
  const signedMs = performance.now() - startedMs
  const last = Math.max(...results.map((result) => (result.kind === 'committed' ? result.position : -1))) as Position
  if (!(await witnessing?.wait(last, WAIT_MS, AbortSignal.timeout(WAIT_MS))))
    throw new Error(`the batch was not witnessed: ${witnessing?.obstacle}`)
  return { signedMs, witnessedMs: performance.now() - startedMs }
}

async function startWitness(dir: string, name: string, logVkey: string) {
  const words = [WITNESS, '--dir', dir, '--name', name, '--port', '0', '--log-vkey', logVkey]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (line.done === true) throw new Error(`witness \`${name}\` did not start`)
  return { child, ...(JSON.parse(line.value) as { readonly url: string; readonly vkey: string }) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'close')
}
