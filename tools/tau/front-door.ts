/** The application's front door, a principal of its own: it knows who is being served and what they said, and attests it for a run. */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../../src/model/json.ts'
import type { FreshSystem } from './fresh-systems.ts'

/** @throws Error with what the door answered */
export async function attest(
  { url, system }: Pick<FreshSystem, 'url' | 'system'>,
  run: string,
  facts: JsonObject,
): Promise<void> {
  const response = await fetch(`${url}/v1/runs/${encodeURIComponent(run)}/attested`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${system.credentials.frontDoor.apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify(facts),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`the front door could not attest ${JSON.stringify(facts)}: ${answer}`)
}
