/** A running system that serves one suite's tools over MCP, and the operator who decides on what it holds. */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openHttpDoor } from '../../src/doors/http/server.ts'
import { openMcpDoor } from '../../src/doors/mcp/door.ts'
import { openSystem, type System } from '../../src/main/open-system.ts'
import type { Json } from '../../src/model/json.ts'
import type { ApprovalId, PrincipalId } from '../../src/model/ids.ts'
import type { Outcome } from '../../src/model/operation.ts'
import { signApproval } from '../../src/warden/approval-decision.ts'
import { operatorOf } from '../tau/state.ts'
import { progress } from '../tau/options.ts'
import { canonical } from './application.ts'
import type { SuiteFiles } from './suite.ts'

const NEVER = new AbortController().signal
const CLOSE_WITHIN_MS = 5_000

export interface DojoSystem extends AsyncDisposable {
  readonly system: System
  readonly url: string
  readonly mcpUrl: string
  /** @returns what the operation came to */
  decide(approval: string, verdict: 'approve' | 'refuse'): Promise<Outcome>
}

/** @param policies files of the application's own policies, by path; none at all leaves the default ones */
export async function openDojo(
  suite: SuiteFiles,
  policies: Readonly<Record<string, string>> = {},
): Promise<DojoSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-dojo-'))
  const application = join(folder, 'index.ts')
  await copyFile(join(import.meta.dirname, 'application.ts'), join(folder, 'assistant.ts')) // a release is made from one folder
  await writeFile(
    application,
    `import { assistant } from './assistant.ts'\nexport default assistant(${JSON.stringify(suite.tools)})\n`,
  )
  for (const [path, text] of Object.entries(policies)) {
    const file = join(folder, 'policies', path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  }
  const system = await openSystem({ dir: join(folder, 'data'), application })
  const onBug = (error: unknown): void => progress(error instanceof Error ? (error.stack ?? error.message) : `${error}`)
  const mounts = [openMcpDoor({ engine: system.engine, onBug })]
  const door = await openHttpDoor({ engine: system.engine, port: 0, mounts, onBug })
  const operator = operatorOf(system)
  await system.engine.importRecords(operator, 'episodes', episodesOf(suite), () => {}, NEVER)
  return {
    system,
    url: door.url,
    mcpUrl: `${door.url}/mcp`,
    async decide(approval, verdict) {
      const { binds } = await system.engine.approval(operator, approval as ApprovalId, NEVER)
      const { operator: signer } = system.credentials
      const signed = signApproval(
        {
          ...{ format: 1, approval, verdict, binds, reason: 'the data set says so', decidedAtMs: Date.now() },
          by: signer.principal as PrincipalId,
        },
        signer.approvalKey ?? '',
      )
      return system.engine.decideApproval(operator, signed.decision, signed.signature, NEVER)
    },
    async [Symbol.asyncDispose]() {
      await door.close(CLOSE_WITHIN_MS)
      await system.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function* episodesOf({ users }: SuiteFiles): AsyncGenerator<Json> {
  for (const { id, calls } of users)
    yield {
      id,
      answers: calls.map(({ tool, args, result }) => ({
        ...{ tool, args: canonical(args) },
        result: JSON.stringify(result ?? null),
      })),
    }
}
