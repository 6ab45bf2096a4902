/** For an application's own tests (`plinth/testing`): the whole system on a data directory that is thrown away afterwards. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start } from './start.ts'

export interface TestSystem extends AsyncDisposable {
  /** Address of the HTTP door. */
  readonly url: string
  readonly mcpUrl: string
  /** API keys of the first agent and the first operator. */
  readonly agentKey: string
  readonly operatorKey: string
  /** Its data directory, for `plinth … --dir`. */
  readonly dir: string
  close(): Promise<void>
}

/** @param application the application's folder or module, e.g. `import.meta.dirname` */
export async function startForTest(application: string): Promise<TestSystem> {
  const dir = await mkdtemp(join(tmpdir(), 'plinth-test-'))
  const system = await start({
    dir,
    application,
    host: '127.0.0.1',
    port: 0,
    data: null,
    warden: 'none',
    talk: () => {},
  })
  const close = async (): Promise<void> => {
    await system.close()
    await rm(dir, { recursive: true, force: true })
  }
  return {
    url: system.url,
    mcpUrl: system.mcpUrl,
    agentKey: system.agent.key,
    operatorKey: system.operator.key,
    dir,
    close,
    [Symbol.asyncDispose]: close,
  }
}
