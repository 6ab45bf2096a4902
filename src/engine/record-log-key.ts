/**
 * Puts the keys of the log on record: the first one with the digest of the one that may follow, and later each rotation that the signer has
 * prepared. Once its record is in the tree, the signer signs with the new key. Who may rotate is who reaches the signer: no door of the runtime does.
 */
import type { Parts } from './parts.ts'
import { recordOnce } from './record-once.ts'
import { LOG_KEY, LOG_KEY_STREAM } from '../model/log-keys.ts'
import type { JsonObject } from '../model/json.ts'

/** @throws `signer-unavailable` */
export async function recordLogKey(parts: Parts): Promise<void> {
  const { vkey, next, rotation } = await parts.committer.signer()
  const { version, state } = await parts.states.at(LOG_KEY_STREAM, parts.states.visible, AbortSignal.timeout(10_000))
  const record = (type: string, data: JsonObject): Promise<void> =>
    recordOnce(parts, LOG_KEY_STREAM, LOG_KEY, `log-key:${version + 1}`, type, data)
  if (state === null) return await record('opened', { vkey, next })
  const recorded = (JSON.parse(state) as { readonly vkey: string }).vkey
  if (rotation !== null && rotation.vkey !== recorded) await record('rotated', { ...rotation })
}
