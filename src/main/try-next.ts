/** What a newcomer may try on this very system: commands built from what it holds, so that each of them works. */
import { join } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import type { Credentials } from '../model/principal.ts'

const READ_WITHIN_MS = 10_000
const SUGGESTIONS = 3

export async function tryNext(
  engine: Engine,
  operator: Credentials,
  agent: Credentials,
  dir: string,
): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(READ_WITHIN_MS)
  const suffix = dir === join(process.cwd(), '.plinth') ? '' : ` --dir ${dir}`
  const suggestions = [
    await entitySuggestion(engine, operator, signal),
    await callSuggestion(engine, agent, signal),
    'npx plinth log tail',
    'npx plinth verify',
    'npx plinth state',
  ]
  return suggestions
    .filter((command) => command !== null)
    .slice(0, SUGGESTIONS)
    .map((command) => command + suffix)
}

/** State of the first entity that there is. */
async function entitySuggestion(engine: Engine, operator: Credentials, signal: AbortSignal): Promise<string | null> {
  for (const entity of Object.keys(engine.manifest.entities)) {
    const page = await engine.states(operator, entity, { after: null, limit: 1 }, null, signal)
    const first = page.items[0]
    if (first !== undefined && !first.id.includes("'")) return `npx plinth state ${entity} '${first.id}'`
  }
  return null
}

/** A query in the agent's surface that needs no input. */
async function callSuggestion(engine: Engine, agent: Credentials, signal: AbortSignal): Promise<string | null> {
  const { queries } = await engine.surface(agent, signal)
  const name = queries.find((query) => {
    const required = engine.manifest.queries[query]?.input['required']
    return !Array.isArray(required) || required.length === 0
  })
  return name === undefined ? null : `npx plinth call ${name}`
}
