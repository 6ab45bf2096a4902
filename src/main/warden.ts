/**
 * The warden's program: `node warden.ts --dir DIR --publish DIR [--serve HOST:PORT] [--child]`. Prints one line of JSON once it answers, and one for
 * each thing its operator should know. SIGTERM and SIGINT stop it; with `--child` only the end of its standard input does, so that it never outlives
 * who started it. With `--create` it makes a new warden from what standard input says, prints the first secrets, and ends. It loads nothing of the runtime.
 */
import { text as textOf } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { systemClock } from '../host/clock.ts'
import { guardProcess } from '../host/guard-process.ts'
import { Problem, problem } from '../model/problems.ts'
import { systemFault } from '../model/system-fault.ts'
import { createWarden } from '../warden/warden.ts'
import type { NewWarden } from './data-directory.ts'
import { runWarden, type RunningWarden, type WardenProcessOptions } from '../warden/warden-process.ts'
import { policyFaults } from '../policy/policy-set.ts'

/** @throws `usage`, `warden-unavailable`, `storage-damaged` */
export function startWarden(
  dir: string,
  publishDir: string,
  serve: string | null,
  onProblem: WardenProcessOptions['onProblem'],
): Promise<RunningWarden> {
  return runWarden({
    ...{ dir, publishDir, clock: systemClock, checkPolicies: (files) => policyFaults(files), onProblem },
    serve: serve === null ? null : addressOf(serve),
  })
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535)
    throw problem('usage', `\`${text}\` is not an address like \`127.0.0.1:4100\``)
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

const say = (line: object): void => console.log(JSON.stringify(line))

async function program(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    strict: true,
    options: {
      dir: { type: 'string' },
      publish: { type: 'string' },
      serve: { type: 'string' },
      child: { type: 'boolean', default: false },
      create: { type: 'boolean', default: false },
    },
  })
  const { dir, publish, serve, child, create } = values
  if (dir === undefined || publish === undefined) throw problem('usage', '`--dir` and `--publish` are needed')
  if (create) {
    const first = JSON.parse(await textOf(process.stdin)) as NewWarden
    const { secrets } = createWarden({ dir, publishDir: publish }, { ...first, checkPolicies: policyFaults })
    return say({ kind: 'created', secrets })
  }
  const warden = await startWarden(dir, publish, serve ?? null, (what, error) =>
    say({ kind: 'problem', what, detail: error instanceof Error ? error.message : String(error) }),
  )
  const stop = (): void => {
    void warden.close().then(() => process.exit(0))
  }
  // A Ctrl-C reaches the whole group: whose child it is says when it ends, after whatever still needs it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    if (child) process.on(signal, () => {})
    else process.once(signal, stop)
  if (child) {
    process.stdin.resume()
    process.stdin.once('end', stop)
    process.stdin.once('error', stop)
  }
  const { at, url, snapshot, rootKey } = warden
  say({ kind: 'started', at, url, snapshot, rootKey, pid: process.pid })
}

if (import.meta.main) {
  guardProcess()
  program(process.argv.slice(2)).catch((error: unknown) => {
    const fault = error instanceof Problem ? error : (systemFault(error) ?? problem('bug', String(error), {}, error))
    say({ kind: 'problem', code: fault.code, detail: fault.detail })
    process.exit(1)
  })
}
