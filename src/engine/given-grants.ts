/** Standing grants that have been given: listing them with what has become of each, and taking one back. */
import { toolHash } from './approval-binding.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { APPROVE } from './decide-approval.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { engineOperation } from './engine-operation.ts'
import { mayStillApprove } from './approvers.ts'
import { oneEvent } from './engine-plan.ts'
import { GRANT, grantStream } from './engine-streams.ts'
import type { GrantStanding, GrantView, Page, PageRequest } from './engine.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import type { Level } from '../model/acknowledgement.ts'
import type { GrantState } from '../model/approval-grant.ts'
import { streamParts, type Position } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

/** Streams (one for each principal and command) looked through for one page; the cursor goes on where it stopped. */
const STREAMS_SCAN_MAX = 100
const REASON_CHARACTERS_MAX = 1_000

/** By whom and for what they are for, at most a page. @throws `forbidden`, `invalid-cursor` */
export async function grants(
  parts: Parts,
  credentials: Credentials,
  filter: { readonly standing?: GrantStanding; readonly to?: string },
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<GrantView>> {
  await mayRead(parts, credentials, { kind: 'approvals' }, { grants: { ...filter } }, signal)
  const [asOf, from, behind] = (decodeCursor('grants', page, 3) ?? [parts.states.visible, null, null]) as readonly [
    Position,
    string | null,
    string | null,
  ]
  const items: GrantView[] = []
  // The stream that the last page ended in comes first, then those after it.
  const streams = parts.reader.streams(GRANT, from, asOf, STREAMS_SCAN_MAX)
  const ids = [...(behind === null || from === null ? [] : [from]), ...streams.map((one) => streamParts(one).id)]
  for (const id of ids) {
    const { state } = await parts.states.at(`${GRANT}/${id}` as never, parts.states.visible, signal)
    for (const grant of Object.values(JSON.parse(state ?? '{}') as Record<string, GrantState>).toSorted(byGrant)) {
      if (id === from && behind !== null && grant.grant <= behind) continue
      const standing = standingOf(parts, grant)
      if (filter.standing !== undefined && standing !== filter.standing) continue
      if (filter.to !== undefined && grant.to !== filter.to) continue
      if (items.length === page.limit) {
        const last = items.at(-1) as GrantView
        return { items, next: encodeCursor('grants', [asOf, `${last.to}:${last.command}`, last.grant]), asOf }
      }
      const { chain: _chain, ...said } = grant
      items.push({ ...said, standing })
    }
  }
  const last = streams.at(-1)
  const isEnd = last === undefined || streams.length < STREAMS_SCAN_MAX
  return { items, next: isEnd ? null : encodeCursor('grants', [asOf, streamParts(last).id, null]), asOf }
}

const byGrant = (one: GrantState, other: GrantState): number =>
  one.grant < other.grant ? -1 : one.grant > other.grant ? 1 : 0

/** Why it lets nothing through any more, or `open`. */
function standingOf(parts: Parts, grant: GrantState): GrantStanding {
  if (grant.withdrawn !== undefined) return 'withdrawn'
  if (grant.uses >= grant.usesMax || (grant.sum !== null && grant.spent >= grant.sum.max)) return 'used-up'
  if (parts.clock.nowMs() >= grant.expiresAtMs) return 'expired'
  if (grant.tool !== toolHash(parts.release.manifest, grant.command)) return 'tool-changed'
  return mayStillApprove(parts, grant, []) ? 'open' : 'approver-gone'
}

/**
 * Takes a grant back, at once: a use that is being committed compares the same stream. Anybody who may decide approvals may, but no agent; it takes
 * no signature, since it lets nothing through.
 * @returns the operation that did. @throws `no-such-grant`, `forbidden`, `approval-settled`
 */
export async function withdrawGrant(
  parts: Parts,
  credentials: Credentials,
  { grant: id, reason }: { readonly grant: string; readonly reason: string },
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<Outcome> {
  const principal = await parts.identity.authenticate(credentials, signal)
  if (principal.kind === 'agent') throw problem('forbidden', 'an agent takes no grant back')
  if (reason.length > REASON_CHARACTERS_MAX)
    throw problem('malformed-request', `a reason has at most ${REASON_CHARACTERS_MAX} characters`)
  if (!parts.policy.inScope(principal, APPROVE))
    throw problem('forbidden', `\`${principal.id}\` may not do \`${APPROVE}\``)
  const found = await findGrant(parts, id, signal)
  if (found === null) throw problem('no-such-grant', `there is no grant \`${id}\``)
  const { to, command } = found
  const stream = grantStream(to, command)
  const outcome = await engineOperation(
    parts,
    principal,
    {
      command: APPROVE,
      input: { verdict: 'withdraw', grant: id, to, action: command, reason },
      idempotencyKey: `withdraw:${id}`,
      acknowledge,
    },
    async (stop) => {
      const read = await parts.states.at(stream, parts.states.visible, stop)
      const now = (JSON.parse(read.state ?? '{}') as Record<string, GrantState>)[id]
      if (now === undefined || now.withdrawn !== undefined)
        throw problem('approval-settled', `grant \`${id}\` has been withdrawn already`)
      const withdrawn: GrantState = { ...now, withdrawn: { by: principal.id, reason } }
      return oneEvent(stream, read, 'withdrawn', { [id]: withdrawn }, { grant: id })
    },
    signal,
  )
  return await atLevel(parts, outcome, acknowledge, signal)
}

async function findGrant(parts: Parts, id: string, signal: AbortSignal): Promise<GrantState | null> {
  for (let after: string | null = null; ;) {
    const streams = parts.reader.streams(GRANT, after, parts.states.visible, STREAMS_SCAN_MAX)
    for (const stream of streams) {
      const { state } = await parts.states.at(stream, parts.states.visible, signal)
      const given = JSON.parse(state ?? '{}') as Record<string, GrantState>
      if (Object.hasOwn(given, id)) return given[id] ?? null
    }
    const last = streams.at(-1)
    if (last === undefined || streams.length < STREAMS_SCAN_MAX) return null
    after = streamParts(last).id
  }
}
