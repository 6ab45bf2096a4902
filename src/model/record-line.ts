/**
 * The line of a record: composed once by template, parsed back strictly. The member order is part of the format; a line with another
 * order, with white space or with an unneeded escape is not a record.
 */
import type { Hash, OperationId, PrincipalId, ReleaseId, RunId, StreamId, Version } from './ids.ts'
import { OPERATION_TRANSITIONS, type OperationState } from './operation.ts'
import type { ChainLink } from './principal.ts'
import { RECORD_FORMAT, type EventRecord, type LogRecord, type OperationRecord } from './record.ts'

const quoted = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text))

export interface CommonFields {
  readonly log: string
  readonly op: OperationId
  readonly n: number
  readonly t: number
  readonly actor: PrincipalId
  readonly chain: readonly ChainLink[]
  readonly for: PrincipalId | null
  readonly tenant: string
  readonly run: RunId | null
  readonly corr: string | null
  readonly cause: string | null
  readonly release: ReleaseId | null
  readonly gate: string
}
export interface PayloadFields {
  readonly hash: Hash
  readonly bytes: number
}

/** Composes the lines of one commit: what they share is written once. */
export function lineComposer(common: CommonFields): {
  event(i: number, stream: StreamId, n: Version, prev: string, type: string, payload: PayloadFields): string
  operation(
    action: string,
    state: OperationState,
    effects: readonly { readonly effect: string; readonly hash: Hash }[],
    payload: PayloadFields,
  ): string
} {
  const head = `{"v":${RECORD_FORMAT},"log":${quoted(common.log)},"op":${quoted(common.op)},"tx":{"i":`
  let chain = ''
  for (const link of common.chain)
    chain += `${chain === '' ? '' : ','}{"principal":${quoted(link.principal)},"epoch":${link.epoch}}`
  const middle =
    `,"n":${common.n}},"t":${common.t},"actor":${quoted(common.actor)},"chain":[${chain}],"for":${quoted(common.for)}` +
    `,"tenant":${quoted(common.tenant)},"run":${quoted(common.run)},"corr":${quoted(common.corr)}` +
    `,"cause":${quoted(common.cause)},"release":${quoted(common.release)},"gate":${quoted(common.gate)},"payload":{"hash":"`
  return {
    event: (i, stream, n, prev, type, payload) =>
      `${head}${i}${middle}${payload.hash}","bytes":${payload.bytes}},"kind":"event","stream":${quoted(stream)},"n":${n}` +
      `,"prev":"${prev}","type":${quoted(type)}}`,
    operation(action, state, effects, payload) {
      let list = ''
      for (const one of effects)
        list += `${list === '' ? '' : ','}{"effect":${quoted(one.effect)},"hash":"${one.hash}"}`
      return (
        `${head}${common.n - 1}${middle}${payload.hash}","bytes":${payload.bytes}},"kind":"operation"` +
        `,"action":${quoted(action)},"state":"${state}","effects":[${list}]}`
      )
    },
  }
}

/** What every line of one commit has in common, before and behind its place in the transaction. */
export interface SharedParts {
  readonly head: string
  readonly middle: string
}
/** Null for text that is not a line. */
export function sharedParts(line: string): SharedParts | null {
  const headEnd = line.indexOf('"tx":{"i":') + 10
  const middleStart = line.indexOf(',', headEnd)
  const middleEnd = line.indexOf('"payload":{"hash":"', middleStart) + 19
  if (headEnd < 10 || middleStart < 0 || middleEnd < 19) return null
  return { head: line.slice(0, headEnd), middle: line.slice(middleStart, middleEnd) }
}

// One regular expression for the whole line: it accepts exactly what the composer writes, and is several times faster than JSON.parse
// followed by a comparison. STRING takes only the escapes that JSON.stringify makes.
const STRING = String.raw`"(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00(?:0[0-7bef]|1[0-9a-f])|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|\\ud[c-f][0-9a-f]{2})*"`
const NULLABLE = `null|${STRING}`
const COUNT = '0|[1-9][0-9]{0,15}'
const HASH = '[0-9a-f]{64}'
const LINK = `\\{"principal":${STRING},"epoch":(?:${COUNT})\\}`
const EFFECT = `\\{"effect":${STRING},"hash":"${HASH}"\\}`
const LINE = new RegExp(
  `^\\{"v":${RECORD_FORMAT},"log":(${STRING}),"op":(${STRING}),"tx":\\{"i":(${COUNT}),"n":(${COUNT})\\},"t":(${COUNT})` +
    `,"actor":(${STRING}),"chain":(\\[(?:${LINK}(?:,${LINK})*)?\\]),"for":(${NULLABLE}),"tenant":(${STRING}),"run":(${NULLABLE})` +
    `,"corr":(${NULLABLE}),"cause":(${NULLABLE}),"release":(${NULLABLE}),"gate":(${STRING})` +
    `,"payload":\\{"hash":"(${HASH})","bytes":(${COUNT})\\},(?:"kind":"event","stream":(${STRING}),"n":(${COUNT})` +
    `,"prev":"(|${HASH})","type":(${STRING})|"kind":"operation","action":(${STRING}),"state":"([a-z]+)"` +
    `,"effects":(\\[(?:${EFFECT}(?:,${EFFECT})*)?\\]))\\}$`,
)

/** The few members that verifying needs, without building the rest. Null for a line that is not a record. */
export interface LineSketch {
  readonly log: string
  readonly op: string
  readonly i: number
  readonly n: number
  readonly t: number
  readonly payloadHash: Hash
  readonly payloadBytes: number
  /** Null for an operation record. */
  readonly event: {
    readonly stream: StreamId
    readonly version: Version
    readonly prev: string
    readonly type: string
  } | null
  readonly state: OperationState | null
}
export function sketchLine(line: string): LineSketch | null {
  const match = line.isWellFormed() ? LINE.exec(line) : null
  if (match === null) return null
  const state = match[22] as OperationState | undefined
  if (state !== undefined && !Object.hasOwn(OPERATION_TRANSITIONS, state)) return null
  return {
    log: text(match[1]),
    op: text(match[2]),
    i: Number(match[3]),
    n: Number(match[4]),
    t: Number(match[5]),
    payloadHash: match[15] as Hash,
    payloadBytes: Number(match[16]),
    event:
      match[17] === undefined
        ? null
        : {
            stream: text(match[17]) as StreamId,
            version: Number(match[18]),
            prev: match[19] as string,
            type: text(match[20]),
          },
    state: state ?? null,
  }
}
const text = (quotedText: string | undefined): string => {
  const whole = quotedText as string
  return whole.includes('\\') ? (JSON.parse(whole) as string) : whole.slice(1, -1)
}

/** A record from its line; null for a line that is not in the one form that `lineComposer` writes. */
export function parseRecord(line: string): LogRecord | null {
  if (!line.isWellFormed() || !LINE.test(line)) return null
  const record = JSON.parse(line) as EventRecord | OperationRecord
  return record.kind === 'operation' && !Object.hasOwn(OPERATION_TRANSITIONS, record.state) ? null : record
}
