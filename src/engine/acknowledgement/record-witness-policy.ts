/** Which witness policy was in force is a fact of the log: recorded when it changes, with its text, so that an auditor sees who was asked, and since when. */
import type { JsonObject } from '../../model/json.ts'
import { streamId } from '../../model/ids.ts'
import { LOG } from '../engine-streams.ts'
import type { Parts } from '../parts.ts'
import { recordOnce } from '../record-once.ts'

const READ_WITHIN_MS = 10_000

/** Also that there is none any more; a log that never had one says nothing. */
export async function recordWitnessPolicy(parts: Parts): Promise<void> {
  const stream = streamId(LOG, 'witnesses')
  const { version, state } = await parts.states.at(stream, parts.states.visible, AbortSignal.timeout(READ_WITHIN_MS))
  const before = state === null ? null : ((JSON.parse(state) as JsonObject)['digest'] ?? null)
  const policy = parts.acknowledgement.witnessing?.policy ?? null
  if (before === (policy?.digest ?? null)) return
  const data = { digest: policy?.digest ?? null, policy: policy?.text ?? null }
  await recordOnce(
    parts,
    stream,
    'plinth.adopt-witness-policy',
    `witness-policy:${version}:${data.digest}`,
    'adopted',
    data,
  )
}
