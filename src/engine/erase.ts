/**
 * `plinth erase`: a privileged operation like any other, with a record of its own in the log; what follows from the record is done at once, and by the
 * next start where a crash came in between. After the answer no file holds a byte of the subject's personal data that opens.
 *
 * The order is such that nothing is lost that could be repaired only from what is being destroyed: record → nobody reads or writes under the keys any
 * more → what is under way has landed → what is derived is made anew without the data → the keys are destroyed.
 */
import { FOLD_EVENTS_MAX } from './bounds.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { engineOperation } from './engine-operation.ts'
import { oneEvent } from './engine-plan.ts'
import { ERASURE, streamOfErasures } from './engine-streams.ts'
import { deriveAnew } from './personal/derive-anew.ts'
import type { Personal } from './personal/personal.ts'
import type { Parts } from './parts.ts'
import { Stopwatch } from './stopwatch.ts'
import type { EraseRequest, Timed } from './engine.ts'
import type { Erasure } from '../model/personal.ts'
import { loadEvents } from '../event-log/load.ts'
import { streamParts, type Position, type StreamId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

export const ERASE = 'plinth.erase'

const SUBJECT = /^[a-z][a-z0-9_-]{0,63}\/.{1,512}$/su
const STREAMS_PER_PAGE = 500
const TENANT_CHARACTERS_MAX = 128
const REASON_CHARACTERS_MAX = 1_000

/** @throws `forbidden`, `no-such-subject`, `invalid-input`, `level-unavailable` */
export async function erase(
  parts: Parts,
  credentials: Credentials,
  request: EraseRequest,
  signal: AbortSignal,
): Promise<Timed<Outcome>> {
  const watch = new Stopwatch(parts.clock)
  const principal = await parts.identity.authenticate(credentials, signal)
  watch.lap('authenticate')
  if (!parts.policy.inScope(principal, ERASE)) throw problem('forbidden', `\`${principal.id}\` may not do \`${ERASE}\``)
  const { subject, reason, basis, idempotencyKey, acknowledge = null } = request
  const tenant = request.tenant ?? principal.tenant
  checkRequest(subject, tenant, reason, basis)
  const { personal } = parts
  if (personal === null) throw problem('no-such-subject', 'this application declares no personal data')
  const input: JsonObject = { subject, tenant, reason, basis }
  const outcome = await engineOperation(
    parts,
    principal,
    { command: ERASE, input, idempotencyKey, acknowledge },
    async (stop) => {
      const kids = personal.keys.keysOf(tenant, subject)
      const stream = streamOfErasures(tenant, subject)
      const read = await parts.states.at(stream, parts.states.visible, stop)
      if (kids.length === 0) throw nobody(subject, tenant, read.state !== null)
      const streams = new Set(kids.flatMap((kid) => personal.streams.keyStreams(kid, false))).size
      const erasure: Erasure = { subject, tenant, kids, streams, reason, basis }
      return oneEvent(stream, read, 'erased', erasure, { subject, tenant, keys: kids.length, streams })
    },
    signal,
  )
  if (outcome.kind === 'committed') {
    const event = outcome.events[0]
    const erasure = event === undefined ? null : erasureAt(parts, event.position)
    if (erasure !== null && event !== undefined) await carryOut(parts, personal, erasure, event.position)
  }
  // A witness that is away does not keep what is to be forgotten: the level is waited for when the keys are gone.
  const answer = await atLevel(parts, outcome, acknowledge, signal)
  watch.lap('commit')
  return { answer, timings: watch.timings() }
}

/** What the log says is erased is gone when this resolves. Doing it again does nothing. */
export async function carryOut(parts: Parts, personal: Personal, erasure: Erasure, position: Position): Promise<void> {
  const { kids, tenant, subject } = erasure
  const { keys } = personal
  const names = kids.map((kid) => ({ kid, tenant, subject }))
  if (kids.every((kid) => keys.standing(kid).kind === 'erased' && personal.streams.keyStreams(kid, true).length === 0))
    return
  keys.retire(names, position)
  personal.era += 1
  parts.states.beCareful(true)
  await personal.committer.answered()
  parts.states.clear()
  parts.states.beCareful(false)
  parts.aside.forget()
  personal.era += 1 // and now nothing that rests on the data can be handed in any more
  await personal.committer.answered()
  for (const stream of new Set(kids.flatMap((kid) => personal.streams.keyStreams(kid, true))))
    await deriveAnew(parts, personal, stream, kids)
  keys.destroy(names, position)
}

/** At the start: what a crash, or a key store or data directory from a backup, has left undone. */
export async function finishErasures(
  parts: Parts,
  personal: Personal,
  onProblem: (what: string, error: unknown) => void,
): Promise<void> {
  const { keys } = personal
  for (const { erasure, position } of erasures(parts)) {
    const alive = erasure.kids.filter((kid) => keys.standing(kid).kind === 'live')
    if (alive.length > 0)
      onProblem(
        `\`${erasure.subject}\` was erased by record ${position}, and its keys are here`,
        new Error('destroying them again: either a crash came in between, or the key store is from before'),
      )
    await carryOut(parts, personal, erasure, position)
    if (erasure.kids.some((kid) => keys.standing(kid).kind !== 'erased'))
      keys.destroy(
        erasure.kids.map((kid) => ({ kid, tenant: erasure.tenant, subject: erasure.subject })),
        position,
      )
  }
  for (let after = ''; ;) {
    const page = keys.erased(after, 1_000)
    for (const kid of page)
      for (const stream of personal.streams.keyStreams(kid, true)) await deriveAnew(parts, personal, stream, [kid])
    if (page.length < 1_000) break
    after = page.at(-1) as string
  }
}

/** All that the log has, stream by stream. */
function* erasures(parts: Parts): Generator<{ readonly erasure: Erasure; readonly position: Position }> {
  const at = parts.states.visible
  for (let after: string | null = null; ;) {
    const page: readonly StreamId[] = parts.reader.streams(ERASURE, after, at, STREAMS_PER_PAGE)
    for (const stream of page)
      for (let version = 0; ;) {
        const events = loadEvents(parts.reader, stream, version, at, FOLD_EVENTS_MAX)
        for (const { data, position } of events) yield { erasure: JSON.parse(data) as Erasure, position }
        if (events.length < FOLD_EVENTS_MAX) break
        version = events.at(-1)?.version ?? version
      }
    if (page.length < STREAMS_PER_PAGE) return
    after = streamParts(page.at(-1) as StreamId).id
  }
}

function erasureAt(parts: Parts, position: Position): Erasure | null {
  const payload = parts.reader.record(position)?.payload ?? null
  return payload === null ? null : (JSON.parse(payload) as Erasure)
}

function nobody(subject: string, tenant: string, wasErased: boolean) {
  return problem(
    'no-such-subject',
    wasErased
      ? `\`${subject}\` of tenant \`${tenant}\` was erased before, and nothing was recorded since`
      : `no personal data of \`${subject}\` is held for tenant \`${tenant}\``,
    { subject, tenant },
  )
}

function checkRequest(subject: string, tenant: string, reason: string, basis: string | null): void {
  const wrong = (pointer: string, message: string) =>
    problem('invalid-input', `\`${pointer.slice(1)}\` ${message}`, { errors: [{ pointer, message }] })
  if (!SUBJECT.test(subject) || !subject.isWellFormed()) throw wrong('/subject', 'is `<entity>/<id>`, e.g. `user/42`')
  if (tenant.length > TENANT_CHARACTERS_MAX || !tenant.isWellFormed())
    throw wrong('/tenant', `is a name of at most ${TENANT_CHARACTERS_MAX} characters`)
  if (reason.trim() === '' || reason.length > REASON_CHARACTERS_MAX || !reason.isWellFormed())
    throw wrong('/reason', `is a text of 1 to ${REASON_CHARACTERS_MAX} characters: it stays on record`)
  if (basis !== null && (basis.length > REASON_CHARACTERS_MAX || !basis.isWellFormed()))
    throw wrong('/basis', `is a text of at most ${REASON_CHARACTERS_MAX} characters`)
}
