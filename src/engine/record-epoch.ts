/**
 * Puts the first record of a new epoch into a log that is not open: what was signed before, what is kept, why, and the key that signs from here on.
 * Done again after a crash, it finds its record and changes nothing.
 */
import { CommitterCore } from './committer/committer-core.ts'
import { payloadUndecided } from './operation-payload.ts'
import { ENGINE } from './record-once.ts'
import type { Clock } from '../host/clock.ts'
import { operationId, sha256Hex, type Position } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import { LOG_KEY, LOG_KEY_STREAM, parseKeyRecord } from '../model/log-keys.ts'
import { problem } from '../model/problems.ts'
import type { StorageWriter } from '../storage/storage.ts'
import type { OpeningEpoch } from '../transparency-log/signer/key-ring.ts'

/** @returns position of the record @throws `storage-unavailable` */
export async function recordEpoch(storage: StorageWriter, clock: Clock, opening: OpeningEpoch): Promise<Position> {
  const { origin, epoch, vkey, next, statement } = opening
  const { reader } = storage
  const { version, position } = reader.streamHead(LOG_KEY_STREAM)
  const [last] = version === 0 ? [] : reader.events(LOG_KEY_STREAM, version - 1, position, 1)
  if (last !== undefined && parseKeyRecord(last.data).vkey === vkey) return position
  const core = new CommitterCore({ storage, clock, origin })
  const data: JsonObject = { ...epoch, vkey, next, statement } as unknown as JsonObject
  const key = `epoch:${origin}`
  const operation = operationId(ENGINE.id, key)
  const intentHash = sha256Hex(key)
  const intent = { command: LOG_KEY, input: data, idempotencyKey: key, run: null, correlation: null, causation: null }
  const proposal = { operation, intentHash, principal: ENGINE, intent, input: data, approvals: [], resumed: null }
  await storage.setMeta('origin', origin) // with the record below, or not at all
  const [answer] = await core.commit([
    {
      ...{ operation, intentHash, action: LOG_KEY, chain: [], actor: ENGINE.id, onBehalfOf: null },
      ...{ tenant: ENGINE.tenant, run: null, correlation: null, causation: null, release: null, gate: '' },
      ...{ state: 'committed', streams: [], finds: [], readPosition: core.head.position, rows: [], effects: [] },
      events: [{ stream: LOG_KEY_STREAM, version: version + 1, type: 'epoch', data: canonicalJson(data) }],
      payload: JSON.stringify(payloadUndecided(proposal, null, { kind: 'committed', result: null })),
    },
  ])
  if (answer?.kind === 'failed') throw answer.problem
  if (answer?.kind !== 'committed') throw problem('bug', `the epoch was not recorded: ${answer?.kind}`)
  return answer.eventPositions[0] as Position
}
