/**
 * A process to be killed: a committer under concurrent callers, who write down each acknowledgement as they get it. Started again on the same
 * directory, each caller first repeats what it had not been answered, under the same operation id.
 *
 * node committer-workload.ts <dir> <seed> <callers> <operations per caller> <synchronous>
 */
import { openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openCommitter, type OpenCommitter } from '../../src/engine/committer/committer.ts'
import type { CommitRequest } from '../../src/engine/committer/commit-request.ts'
import type { Hash, StreamId } from '../../src/model/ids.ts'
import { parseVerifierKey } from '../../src/model/signed-note.ts'
import { AGENT, commitRequest, ORIGIN, readModel } from '../support/commits.ts'
import { acknowledgement, readAcknowledgements } from './crash-audit.ts'
import { WORKLOAD_MODEL } from './workload-rows.ts'
import { random } from './random.ts'
import type { SideRecord, Snapshot } from '../../src/storage/storage.ts'
import type { Synchronous } from '../../src/storage/sqlite/database.ts'

const [dir = '', seed = '0', callers = '8', operations = '1000', synchronous = 'FULL'] = process.argv.slice(2)
const committer = await openCommitter({ dir, origin: ORIGIN, synchronous: synchronous as Synchronous })
const reader = committer.reader()
const log = parseVerifierKey(committer.vkey)
await committer.adoptEpochs(1, new Map([[AGENT, 1]]))
await committer.declareReadModels({ [WORKLOAD_MODEL]: readModel([['events']], 'account') })

/** Written beside the commits without waiting: may be lost, but must never take anything along. */
const denied: SideRecord = {
  ...{
    kind: 'denied',
    principal: AGENT,
    operation: null,
    action: 'do',
    recordedAtMs: 1,
    body: JSON.stringify('x'.repeat(500)),
  },
}
const snapshotOf = (stream: StreamId, version: number, leaf: Hash): Snapshot => ({
  ...{ stream, version, leaf, position: reader.streamHead(stream).position, state: '{}', release: 'rel_1' },
})

const acknowledgements = openSync(join(dir, 'acknowledged'), 'a')
const done = new Map<number, number>()
for (const { operation } of readAcknowledgements(readFileSync(join(dir, 'acknowledged'), 'utf8'))) {
  const [, caller, number] = operation.split('_').map(Number)
  done.set(caller as number, Math.max(done.get(caller as number) ?? -1, number as number))
}
process.stdout.write('running\n')
await Promise.all(Array.from({ length: Number(callers) }, (_, caller) => call(committer, caller)))
process.exit(0)

async function call(to: OpenCommitter, caller: number): Promise<void> {
  const pick = random(`${seed} ${caller}`)
  for (let number = 0; number < Number(operations); number++) {
    const own = pick() < 0.7
    const streams = own ? [`account/${caller}`] : ['account/shared', ...(pick() < 0.3 ? [`account/${caller}`] : [])]
    const events = 1 + Math.floor(pick() * 3)
    const holds = pick() < 0.1
    if (number <= (done.get(caller) ?? -1)) continue
    const operation = `op_${caller}_${number}`
    if (holds) await commitUntilAnswered(to, operation, () => commitRequest(operation, { state: 'held' }))
    await commitUntilAnswered(to, operation, () => request(operation, streams as StreamId[], events))
  }
}

/** Every stream as it is now, and what the operation adds to it. */
function request(operation: string, streams: readonly StreamId[], count: number): CommitRequest {
  const heads = streams.map((stream) => ({ stream, version: reader.streamHead(stream).version }))
  return commitRequest(operation, {
    streams: heads,
    events: heads.flatMap(({ stream, version }) =>
      Array.from({ length: count }, (_, place) => {
        const data = JSON.stringify({ operation, place, text: 'x'.repeat(200) })
        return { stream, version: version + place + 1, type: 'booked', data }
      }),
    ),
    rows: heads.map(({ stream, version }) => ({
      ...{ model: WORKLOAD_MODEL, id: stream.slice(stream.indexOf('/') + 1), key: '' },
      row: { events: version + count },
    })),
    effects: [{ effect: 'mail', payload: JSON.stringify({ operation }) }],
  })
}

async function commitUntilAnswered(to: OpenCommitter, operation: string, make: () => CommitRequest): Promise<void> {
  for (;;) {
    const request = make()
    const answer = await to.commit(request)
    if (answer.kind === 'moved') continue
    if (answer.kind === 'revoked' || answer.kind === 'switched' || answer.kind === 'lease-expired')
      throw new Error('nobody was revoked or stopped')
    // A held operation is not finished: only its last record may be repeated as known.
    const receipt = answer.kind === 'known' ? await to.receipt(answer.position) : answer.receipt
    to.writeSide(
      [denied],
      answer.kind === 'known' ? [] : answer.heads.map(({ stream, version, leaf }) => snapshotOf(stream, version, leaf)),
    )
    if (request.state === 'committed') writeSync(acknowledgements, acknowledgement(operation, receipt, log))
    return
  }
}
