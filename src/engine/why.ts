/** The answer to "why did this happen": what one operation read, what it wrote and why it might, what would take it back; each line recorded, derived or unknown. */
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { nextFor, worstOf } from './ready-effects.ts'
import { readersSince } from './readers-since.ts'
import { readOperation } from './recorded-outcome.ts'
import { mayRead } from './reading.ts'
import type { Answer, AnswerLine } from '../model/answer.ts'
import { streamParts, type OperationId, type Position } from '../model/ids.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { ChainLink, Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { EventRecord, OperationRecord } from '../model/record.ts'

/** @throws `no-such-operation`, `forbidden` */
export async function why(
  parts: Parts,
  credentials: Credentials,
  operation: OperationId,
  signal: AbortSignal,
): Promise<Answer> {
  await mayRead(parts, credentials, { kind: 'operations' }, { why: operation }, signal)
  const asOf = parts.states.visible
  const stored = parts.reader.operation(operation)
  const found = stored === null ? null : readOperation(parts, stored.position)
  if (stored !== null && found !== null) {
    const { record, payload } = found
    const ref = `#${stored.position}`
    return {
      question: 'why',
      about: operation,
      asOf,
      lines: [
        ...whoLines(record, payload, ref),
        ...lines(parts, payload, record.state, stored.position, record, ref),
      ].map(erasedLine),
      next: nextSteps(payload, operation),
    }
  }
  const aside = parts.aside.find(operation)
  if (aside === null) {
    const running = parts.running.has(operation)
    if (!running)
      throw problem(
        'no-such-operation',
        `no operation \`${operation}\` is on record; refusals and reads are kept for a bounded number only`,
      )
    return {
      question: 'why',
      about: operation,
      asOf,
      lines: [
        { kind: 'unknown', label: 'outcome', value: null, settle: 'it is under way: ask again in a moment', refs: [] },
      ],
      next: [`plinth why ${operation}`],
    }
  }
  const { record: side, ref } = aside
  const payload = JSON.parse(side.body) as OperationPayload
  const { who } = payload
  const named: AnswerLine[] = [
    recorded('actor', `${side.principal} (${payload.principal.kind})`, ref),
    ...(who === undefined
      ? []
      : [
          recorded('for', who.for, ref),
          recorded('owner chain', chainOf(who.chain), ref),
          recorded('run', who.run, ref),
        ]),
    recorded('action', side.action, ref),
    ...(who === undefined ? [] : [recorded('release', who.release, ref)]),
    recorded('recorded at', new Date(side.recordedAtMs).toISOString(), ref),
  ]
  return {
    question: 'why',
    about: operation,
    asOf,
    lines: [...named, ...lines(parts, payload, side.kind, null, null, ref)].map(erasedLine),
    next: nextSteps(payload, operation),
  }
}

const recorded = (label: string, value: Json, ...refs: string[]): AnswerLine => ({
  kind: 'recorded',
  label,
  value,
  refs,
})
/** A line whose value is gone with a data subject's key says so, and by which record. */
function erasedLine(line: AnswerLine): AnswerLine {
  const { value } = line
  const by =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject)['erased'] : undefined
  return typeof by === 'number'
    ? { kind: 'erased', label: line.label, value: null, refs: [...line.refs, `#${by}`] }
    : line
}
const derived = (label: string, value: Json, ...refs: string[]): AnswerLine => ({ kind: 'derived', label, value, refs })

const chainOf = (chain: readonly ChainLink[]): readonly string[] =>
  chain.map(({ principal, epoch }) => `${principal} (epoch ${epoch})`)

function whoLines(record: OperationRecord, payload: OperationPayload, ref: string): AnswerLine[] {
  return [
    recorded('actor', `${record.actor} (${payload.principal.kind})`, ref),
    recorded('for', record.for, ref),
    recorded('owner chain', chainOf(record.chain), ref),
    recorded('run', record.run, ref),
    recorded('action', record.action, ref),
    recorded('release', record.release, ref),
    recorded('recorded at', new Date(record.t).toISOString(), ref),
  ]
}

function lines(
  parts: Parts,
  payload: OperationPayload,
  state: string,
  position: Position | null,
  record: OperationRecord | null,
  ref: string,
): AnswerLine[] {
  const { authority, usage, reads, outcome } = payload
  const answer: AnswerLine[] = [
    recorded('state', state, ref),
    recorded('input', payload.input, ref),
    recorded('attempts', payload.attempts, ref),
  ]
  if (outcome.kind === 'refused')
    answer.push(recorded('refused because', { code: outcome.code, title: outcome.title, detail: outcome.detail }, ref))
  if (outcome.kind === 'held')
    answer.push(
      recorded(
        'waits for',
        { approval: outcome.approval, roles: outcome.requires, until: new Date(outcome.expiresAtMs).toISOString() },
        ref,
      ),
    )
  answer.push(
    authority === null
      ? {
          kind: 'unknown',
          label: 'why allowed',
          value: null,
          settle: 'admission was not reached: the application refused first, or the engine acted by itself',
          refs: [ref],
        }
      : recorded(
          outcome.kind === 'denied' ? 'why denied' : outcome.kind === 'held' ? 'why held' : 'why allowed',
          {
            rules: authority.rules,
            policySet: authority.policySet,
            snapshot: authority.snapshot,
            evaluator: authority.evaluator,
            approvals: authority.approvals,
          },
          ref,
        ),
  )
  if (Object.keys(payload.attested).length > 0) answer.push(recorded('attested for the run', payload.attested, ref))
  if (payload.history !== undefined && payload.history !== null)
    answer.push(recorded('history', payload.history.entries as unknown as Json, ref))
  if (payload.facts !== null) answer.push(recorded('facts the application stated', payload.facts, ref))
  if (reads !== null) {
    answer.push(
      recorded(
        'read',
        {
          at: reads.position,
          streams: reads.streams.map((entry) => ({
            ...entry,
            hash: entry.hash === '' && entry.version > 0 ? leafOf(parts, entry.stream, entry.version) : entry.hash,
          })),
          finds: reads.finds.map(({ query, digest, rows }) => ({
            model: query.model,
            where: query.where,
            rows: rows.length,
            digest,
          })),
        },
        ref,
      ),
    )
  }
  const events = position === null || record === null ? [] : eventsOf(parts, position, record)
  answer.push(
    position === null
      ? recorded('wrote', [], ref)
      : recorded(
          'wrote',
          events.map(({ event, at }) => ({ stream: event.stream, version: event.n, type: event.type, position: at })),
          ...events.map(({ at }) => `#${at}`),
        ),
  )
  if (record !== null && record.effects.length > 0)
    answer.push(
      recorded(
        'effects in the outbox',
        record.effects.map(({ effect, hash }) => ({ effect, hash })),
        ref,
      ),
    )
  if (position !== null && state === 'committed')
    answer.push(derived('stands at', levelLine(parts, position, payload), ref))
  const effects = position === null || record === null ? null : worstOf(parts, position, record.effects)
  if (effects !== null && effects !== 'ready')
    answer.push(derived('effects may not leave yet', { state: effects, next: nextFor(parts, effects) }, ref))
  if (usage !== null) answer.push(recorded('cost', { ...usage }, ref))
  if (state === 'committed' && position !== null) {
    const later = events.flatMap(({ event }) => {
      const head = parts.reader.streamHead(event.stream)
      return head.version > event.n ? [{ stream: event.stream, version: head.version, position: head.position }] : []
    })
    answer.push(derived('changed again since', later, ...later.map((one) => `#${one.position}`)))
    const command = parts.release.manifest.commands[payload.command]
    answer.push(
      events.length === 0
        ? derived('smallest reversible step', 'nothing to take back: no event was written', ref)
        : command?.hasUndo === true
          ? derived(
              'smallest reversible step',
              { undo: payload.command, streams: events.map(({ event }) => event.stream) },
              ref,
            )
          : {
              kind: 'unknown',
              label: 'smallest reversible step',
              value: null,
              settle: `\`${payload.command}\` declares no undo; compensate by commands on the streams above`,
              refs: [ref],
            },
    )
    const { readers, complete } = readersSince(
      parts,
      position,
      new Map(events.map(({ event }) => [event.stream, event.n])),
    )
    answer.push(
      derived(
        'read since by',
        { readers: [...readers] as unknown as Json, complete },
        ...readers.map(({ operation }) => operation),
      ),
    )
    if (!complete)
      answer.push({
        kind: 'unknown',
        label: 'read since by others',
        value: null,
        settle: 'the look back is bounded, and reads are kept for a bounded number only',
        refs: [],
      })
  } else {
    answer.push(
      derived(
        'if stopped now',
        state === 'held'
          ? 'nothing was written but the request for approval; it ends when that is refused or expires'
          : 'nothing: it wrote nothing',
        ref,
      ),
    )
  }
  return answer
}

/** The level that was asked for by the caller is recorded; the one reached is derived from what is witnessed now. */
function levelLine(parts: Parts, position: Position, { acknowledge }: OperationPayload): Json {
  const level = parts.acknowledgement.reached(position)
  return acknowledge === undefined ? level : { level, askedByCaller: acknowledge }
}

function eventsOf(
  parts: Parts,
  position: Position,
  record: OperationRecord,
): { readonly event: EventRecord; readonly at: Position }[] {
  return parts.reader
    .records((position - record.tx.i) as Position, record.tx.i)
    .map(({ line, position: at }) => ({ event: JSON.parse(line) as EventRecord, at }))
}

/** A stream read while its last commit was still under way: the log knows its hash now. */
function leafOf(parts: Parts, stream: Parameters<typeof streamParts>[0], version: number): string {
  return parts.reader.events(stream, version - 1, parts.states.visible, 1)[0]?.leaf ?? ''
}

function nextSteps({ outcome, command }: OperationPayload, operation: OperationId): readonly string[] {
  if (outcome.kind === 'held')
    return [`plinth approvals show ${outcome.approval}`, `plinth approvals approve ${outcome.approval}`]
  if (outcome.kind === 'committed') return [`plinth log show ${operation}`, 'plinth verify']
  return [`plinth ops --action ${command}`]
}
