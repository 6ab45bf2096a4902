/**
 * The line of a record: composed once by template, parsed back strictly. The member order is part of the format; a line with another
 * order, with white space or with an unneeded escape is not a record.
 */
import type { Hash, StreamId, Version } from './ids.ts'
import { OPERATION_TRANSITIONS, type OperationState } from './operation.ts'
import { RECORD_FORMAT, type EventRecord, type LogRecord, type OperationRecord, type RecordCommon } from './record.ts'

const quoted = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text))

/** What all records of one commit share; `n` is how many they are. */
export type CommonFields = Omit<RecordCommon, 'v' | 'tx' | 'payload'> & { readonly n: number }
export type PayloadFields = RecordCommon['payload']

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
const HEAD =
  `\\{"v":${RECORD_FORMAT},"log":(${STRING}),"op":(${STRING}),"tx":\\{"i":(${COUNT}),"n":(${COUNT})\\},"t":(${COUNT})` +
  `,"actor":(${STRING}),"chain":(\\[(?:${LINK}(?:,${LINK})*)?\\]),"for":(${NULLABLE}),"tenant":(${STRING}),"run":(${NULLABLE})` +
  `,"corr":(${NULLABLE}),"cause":(${NULLABLE}),"release":(${NULLABLE}),"gate":(${STRING}),"payload":\\{"hash":"`
const TAIL =
  `(${HASH})","bytes":(${COUNT})\\},(?:"kind":"event","stream":(${STRING}),"n":(${COUNT})` +
  `,"prev":"(|${HASH})","type":(${STRING})|"kind":"operation","action":(${STRING}),"state":"([a-z]+)"` +
  `,"effects":(\\[(?:${EFFECT}(?:,${EFFECT})*)?\\]))\\}$`
const LINE = new RegExp(`^${HEAD}${TAIL}`)
const LINE_TAIL = new RegExp(TAIL, 'y')
const TAIL_GROUP = 15 // the first group of the tail within the whole line

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
  return sketchOf(match, TAIL_GROUP, {
    log: text(match[1]),
    op: text(match[2]),
    i: Number(match[3]),
    n: Number(match[4]),
    t: Number(match[5]),
  })
}
type SketchedHead = Pick<LineSketch, 'log' | 'op' | 'i' | 'n' | 't'>

/** @param tail the group that the tail of the line begins with */
function sketchOf(match: RegExpExecArray, tail: number, head: SketchedHead): LineSketch | null {
  const state = match[tail + 7] as OperationState | undefined
  if (state !== undefined && !Object.hasOwn(OPERATION_TRANSITIONS, state)) return null
  const stream = match[tail + 2]
  return {
    log: head.log,
    op: head.op,
    i: head.i,
    n: head.n,
    t: head.t,
    payloadHash: match[tail] as Hash,
    payloadBytes: Number(match[tail + 1]),
    event:
      stream === undefined
        ? null
        : {
            stream: text(stream) as StreamId,
            version: Number(match[tail + 3]),
            prev: match[tail + 4] as string,
            type: text(match[tail + 5]),
          },
    state: state ?? null,
  }
}

/**
 * Sketches one line after the other: what a line has in common with the one before it, which is most of it within a commit, is compared instead of
 * matched again. Gives exactly what `sketchLine` gives: the form is one member after the other, and no string can hold a quote that is not escaped.
 */
export class LineSketcher {
  #before: (SharedParts & { readonly sketch: SketchedHead }) | null = null

  sketch(line: string): LineSketch | null {
    const before = this.#before
    if (before !== null && stands(before.head, line, 0)) {
      const place = placeAt(line, before.head.length)
      const middle = before.head.length + digits(place)
      if (place >= 0 && stands(before.middle, line, middle)) {
        LINE_TAIL.lastIndex = middle + before.middle.length
        const match = line.isWellFormed() ? LINE_TAIL.exec(line) : null
        return match === null ? null : sketchOf(match, 1, { ...before.sketch, i: place })
      }
    }
    const sketch = sketchLine(line)
    const shared = sketch === null ? null : sharedParts(line)
    this.#before = sketch === null || shared === null ? null : { ...shared, sketch }
    return sketch
  }
}

/** As `startsWith`, which looks at one character after the other. */
const stands = (part: string, line: string, at: number): boolean => line.slice(at, at + part.length) === part

const PLACE_DIGITS_MAX = 6 // of a record in its transaction; one with more is matched as a whole
const ZERO = 0x30
/** The count that is written at some place of a text, -1 for none. In its one form it takes `digits` of it. */
function placeAt(line: string, from: number): number {
  let value = 0
  let at = from
  for (; at < from + PLACE_DIGITS_MAX; at++) {
    const digit = line.charCodeAt(at) - ZERO
    if (!(digit >= 0 && digit <= 9)) break
    value = 10 * value + digit
  }
  return at === from ? -1 : value
}
const digits = (value: number): number => (value < 10 ? 1 : value < 100 ? 2 : String(value).length)
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
