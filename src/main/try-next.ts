/** What a newcomer may try on this very system: commands built from what it holds, so that each of them works. */
import type { RunningSystem } from '../doors/cli/composition.ts'
import type { Engine } from '../engine/engine.ts'
import type { Credentials } from '../model/principal.ts'

const READ_WITHIN_MS = 10_000

export async function tryNext(
  engine: Engine,
  operator: Credentials,
  running: Omit<RunningSystem, 'close'>,
): Promise<Pick<RunningSystem, 'tryNext'>> {
  const signal = AbortSignal.timeout(READ_WITHIN_MS)
  const dir = running.dir.endsWith('/.plinth') && running.dir.startsWith(process.cwd()) ? '' : ` --dir ${running.dir}`
  const commands: string[] = []
  for (const entity of Object.keys(engine.manifest.entities)) {
    const page = await engine.states(operator, entity, { after: null, limit: 1 }, null, signal)
    const first = page.items[0]
    if (first !== undefined) {
      commands.push(`npx plinth state ${entity} '${first.id}'${dir}`)
      break
    }
  }
  commands.push(`npx plinth state${dir}`)
  commands.push(`npx plinth log tail${dir}`)
  if (commands.length < 3) commands.push(`npx plinth ops${dir}`)
  return { tryNext: commands }
}
