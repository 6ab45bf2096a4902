/** The outbox as a list: each effect with what it waits for, oldest first. */
import { OPERATIONS_SCAN_MAX } from './bounds.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { EffectView, Page, PageRequest } from './engine.ts'
import type { Parts } from './parts.ts'
import { EFFECT_STATES, nextFor, outboxEffects } from './ready-effects.ts'
import { mayRead } from './reading.ts'
import type { Position } from '../model/ids.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { LogRecord } from '../model/record.ts'

const CHUNK = 1_000

/** @throws `malformed-request` for a state that is none, `invalid-cursor`, `forbidden` */
export async function effects(
  parts: Parts,
  credentials: Credentials,
  filter: { readonly state?: string },
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<EffectView>> {
  await mayRead(parts, credentials, { kind: 'effects' }, { effects: { ...filter } }, signal)
  if (filter.state !== undefined && !EFFECT_STATES.some((state) => state === filter.state))
    throw problem('malformed-request', `\`state\` must be one of ${EFFECT_STATES.join(', ')}`)
  const asOf = parts.states.visible
  const [from, ordinal] = (decodeCursor('effects', page, 2) ?? [-1, -1]) as readonly [number, number]
  const items: EffectView[] = []
  let [position, last] = [from, ordinal]
  for (let scanned = 0; scanned < OPERATIONS_SCAN_MAX;) {
    const chunk = outboxEffects(parts, (position - 1) as Position, CHUNK)
    const fresh = chunk.filter((one) => one.position > position || one.ordinal > last)
    if (fresh.length === 0) return { items, next: null, asOf }
    for (const one of fresh) {
      if (items.length === page.limit) return { items, next: encodeCursor('effects', [position, last]), asOf }
      ;[position, last] = [one.position, one.ordinal]
      if (filter.state === undefined || one.state === filter.state) items.push(viewOf(parts, one))
    }
    scanned += fresh.length
  }
  return { items, next: encodeCursor('effects', [position, last]), asOf }
}

function viewOf(parts: Parts, one: ReturnType<typeof outboxEffects>[number]): EffectView {
  const { position, ordinal, effect, risk, state } = one
  const stored = parts.reader.record(position)
  const operation = stored === null ? null : (JSON.parse(stored.line) as LogRecord).op
  return { operation, position, ordinal, effect, risk, state, next: nextFor(parts, state) }
}
