/**
 * A bank of its own for one test: a whole system in a temporary directory, closed and removed when the test ends. The sandbox and what was built
 * are shared by the tests of one file, which take most of the time to make and keep nothing of an execution.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { buildRelease } from '../../src/application/build.ts'
import { entryOf } from '../../src/main/application-folder.ts'
import { openSystem, type System, type SystemOptions } from '../../src/main/open-system.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import type { Timed } from '../../src/engine/engine.ts'
import type { Level } from '../../src/model/acknowledgement.ts'
import type { RunId } from '../../src/model/ids.ts'
import type { Json } from '../../src/model/json.ts'
import type { Release } from '../../src/model/manifest.ts'
import type { Outcome } from '../../src/model/operation.ts'
import type { Credentials } from '../../src/model/principal.ts'
import { BANK } from './bank-folder.ts'

export { BANK }
export const NEVER = new AbortController().signal
let keys = 0

let shared: Promise<Sandbox> | null = null
const built = new Map<string, Promise<Release>>()
after(async () => (await shared)?.close())

function releaseOf(application: string, sandbox: Sandbox): Promise<Release> {
  let release = built.get(application)
  if (release === undefined) {
    release = buildRelease(entryOf(application), { describe: (bundle) => sandbox.describe(bundle) }).then(
      ({ release: made }) => made,
    )
    built.set(application, release)
  }
  return release
}

export interface Bank extends System {
  readonly agent: Credentials
  readonly operator: Credentials
  readonly frontDoor: Credentials
  /** Submits as the agent, under a fresh key unless one is given. */
  do(
    command: string,
    input: Json,
    options?: {
      readonly key?: string
      readonly run?: string
      readonly as?: Credentials
      readonly acknowledge?: Level
    },
  ): Promise<Outcome>
  ask(
    query: string,
    input: Json,
    options?: { readonly run?: string; readonly at?: number; readonly as?: Credentials },
  ): Promise<Awaited<ReturnType<System['engine']['query']>>['answer']>
  /** Closes and opens the same data directory again. */
  again(changed?: Partial<SystemOptions>): Promise<Bank>
}

export async function temporaryDirectory(test: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'plinth-test-'))
  test.after(() => rm(dir, { recursive: true, force: true, maxRetries: 20 })) // whoever was killed may have been about to write
  return dir
}

export async function openBank(test: TestContext, options: Partial<SystemOptions> = {}): Promise<Bank> {
  const dir = options.dir ?? join(await temporaryDirectory(test), 'data')
  const application = options.application ?? BANK
  const sandbox = await (shared ??= openSandbox())
  const release = await releaseOf(application, sandbox)
  const system = await openSystem({ sandbox, release, signer: { kind: 'thread' }, ...options, application, dir })
  let open = true
  const close = async (): Promise<void> => {
    if (open) await system.close()
    open = false
  }
  test.after(close)
  const bearer = (apiKey: string): Credentials => ({ bearer: apiKey, onBehalfOf: null })
  const agent = bearer(system.credentials.agent.apiKey)
  return {
    ...system,
    close,
    agent,
    operator: bearer(system.credentials.operator.apiKey),
    frontDoor: bearer(system.credentials.frontDoor.apiKey),
    async do(command, input, { key = `key-${++keys}`, run, as = agent, acknowledge } = {}) {
      const intent = {
        command,
        input,
        idempotencyKey: key,
        run: (run ?? null) as RunId | null,
        correlation: null,
        causation: null,
        ...(acknowledge === undefined ? {} : { acknowledge }),
      }
      const timed: Timed<Outcome> = await system.engine.submit(as, intent, NEVER)
      return timed.answer
    },
    async ask(query, input, { run, at, as = agent } = {}) {
      const request = {
        query,
        input,
        run: (run ?? null) as RunId | null,
        at: at === undefined ? null : { position: at },
      }
      return (await system.engine.query(as, request, NEVER)).answer
    },
    async again(changed = {}) {
      await close()
      return openBank(test, { ...options, ...changed, dir })
    },
  }
}
