/** Where personal values may stand in what the engine writes beside an application's events, and what stands there when they are gone. */
import type { OperationPayload } from '../operation-payload.ts'
import { streamId, type StreamId } from '../../model/ids.ts'
import { canonicalJson, type Json, type JsonObject, type JsonText } from '../../model/json.ts'
import type { Manifest } from '../../model/manifest.ts'
import { SEALED, type PersonalManifest } from '../../model/personal.ts'
import { problem } from '../../model/problems.ts'
import { sealDocument, WITHHELD, type Place } from '../../personal-data/documents.ts'
import { ROW } from '../../personal-data/opening-reader.ts'
import type { SubjectKey } from '../../personal-data/seal.ts'

/** Members that the engine fills by itself, with names, hashes and counts. Every other member may hold what an application put into it. */
const PAYLOAD_OPEN = new Set(
  'command intentHash principal reads impact authority history usage attempts acknowledge hold outcome'.split(' '),
)
const OUTCOME_OPEN = new Set('kind code title rules approval requires expiresAtMs'.split(' '))
const REQUEST_OPEN = new Set(
  (
    'approval operation state open action actor onBehalfOf run rules requires impact binds bound heldAtMs expiresAtMs decidedBy' +
    ' intent approvedBy'
  ).split(' '),
)
const INTENT_OPEN = new Set('command idempotencyKey run correlation causation acknowledge'.split(' '))
const IMPACT_OPEN = new Set('events streams irreversible'.split(' '))

/** What stands in for members that are read as something else than a value to show. */
const STAND_INS: JsonObject = {
  ...{ facts: null, request: null, attested: {}, finds: [], effects: [], pins: [] },
  change: { amounts: {}, states: [], undo: 'none' },
}

/** Of an operation's payload: all that an application may have put values into. */
export const payloadPlaces = (payload: JsonObject): readonly Place[] => [
  ...placesIn(payload, [], PAYLOAD_OPEN),
  ...placesIn(payload['reads'], ['reads'], new Set(['position', 'streams'])),
  ...placesIn(payload['outcome'], ['outcome'], OUTCOME_OPEN),
]
/** Of a request for approval: what an approver is shown. */
export const approvalPlaces = (request: JsonObject): readonly Place[] => [
  ...placesIn(request, [], REQUEST_OPEN),
  ...placesIn(request['intent'], ['intent'], INTENT_OPEN),
  ...placesIn(request['impact'], ['impact'], IMPACT_OPEN),
]

function placesIn(value: Json | undefined, path: readonly string[], open: ReadonlySet<string>): Place[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return Object.keys(value)
    .filter((name) => !open.has(name))
    .map((name) => ({
      path: [...path, name],
      standIn: Object.hasOwn(STAND_INS, name) ? (STAND_INS[name] ?? null) : WITHHELD,
    }))
}
export const SNAPSHOT: readonly Place[] = [{ path: ['state'], standIn: null }]
export const ROWS: readonly Place[] = [{ path: [ROW], standIn: null }]
export const EFFECT: readonly Place[] = [
  { path: ['payload'], standIn: null },
  { path: ['pins'], standIn: [] },
]

/** What the engine does by itself or for an operator: its input names things, never a person's data. */
export const isEngineAction = ({ command }: OperationPayload): boolean =>
  command.startsWith('plinth.') && command !== 'plinth.read-records'

/** Where personal values may stand in a record that belongs to no data subject: what the action declares, and all where nothing is known. */
export function personalInput(manifest: Manifest, payload: OperationPayload): readonly Place[] {
  const { commands, queries, entities, readModels } = manifest
  const { command, reads } = payload
  if (command === 'plinth.read-records') {
    const { model } = payload.input as { readonly model?: string }
    const of = model === undefined ? undefined : readModels[model]?.of
    const isPersonal = of !== undefined && entities[of]?.personal !== undefined
    return isPersonal
      ? [
          { path: ['input', 'where'], standIn: WITHHELD },
          { path: ['request'], standIn: null },
        ]
      : []
  }
  const action = commands[command] ?? queries[command]
  if (action === undefined) return []
  const isAbout = action.targets.some(({ entity }) => entities[entity]?.personal !== undefined)
  if (reads === null && (isAbout || action.personal !== undefined))
    return payloadPlaces(payload as unknown as JsonObject) // it failed before it said what it read
  const members = (action.personal ?? []).map((member) => ({ path: ['input', member], standIn: WITHHELD }))
  if (members.length === 0) return []
  return [...members, ...payloadPlaces(payload as unknown as JsonObject).filter(({ path }) => path[0] !== 'input')]
}

/** Whether the personal members of an input were left out of a record: it touched no stream of a data subject, whose key could seal them. */
export function isInputWithheld({ command, input }: OperationPayload, { commands }: Manifest): boolean {
  const personal = (Object.hasOwn(commands, command) ? commands[command]?.personal : undefined) ?? []
  const values = personal.map((member) => (input as JsonObject | null)?.[member] ?? null)
  return values.length > 0 && values.every((value) => value === null || isStandIn(value))
}
const isStandIn = (value: Json): boolean => canonicalJson(value) === canonicalJson(WITHHELD)

/** The data subject of a stream. @throws `application-output-invalid` when the state names none */
export function subjectOf({ subject }: PersonalManifest, stream: StreamId, state: JsonText): string {
  if (subject.member === null) return stream
  const id = (JSON.parse(state) as JsonObject)[subject.member]
  if (typeof id !== 'string' || id === '' || !id.isWellFormed())
    throw problem('application-output-invalid', `the state of \`${stream}\` does not say whose personal data it holds`)
  return streamId(subject.entity, id)
}

/** @throws `application-output-invalid` for data that look sealed already: they could not be told apart when they are read */
export function sealText(
  text: JsonText,
  places: readonly Place[] | ((document: JsonObject) => readonly Place[]),
  keys: readonly SubjectKey[],
  context: string,
): JsonText {
  const document = JSON.parse(text) as JsonObject
  if (Object.hasOwn(document, SEALED))
    throw problem('application-output-invalid', `a member \`${SEALED}\` is the engine's own`)
  return JSON.stringify(sealDocument(document, typeof places === 'function' ? places(document) : places, keys, context))
}
