/** What waits for somebody, and what they decided. The decision is signed where its key is; this door carries it. */
import { GRANT_STANDINGS } from '../../../engine/engine.ts'
import { problem } from '../../../model/problems.ts'
import type { Json } from '../../../model/json.ts'
import { ACKNOWLEDGE_HEADER, checkedApproval, PAGE, readLevel, readPage } from '../parameters.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

const STATES = ['pending', 'approved', 'refused', 'expired'] as const
const isState = (value: string): value is (typeof STATES)[number] => (STATES as readonly string[]).includes(value)

export const listApprovals: Route = {
  method: 'GET',
  path: '/v1/approvals',
  id: 'listApprovals',
  describe: 'Requests for approval, newest first.',
  query: [{ name: 'state', describe: 'Only those in this state.', schema: { enum: STATES } }, ...PAGE],
  body: null,
  headers: [],
  answers: { 200: 'A page of requests.' },
  async handle(engine, request) {
    const state = request.query.get('state')
    if (state !== undefined && !isState(state))
      throw problem('malformed-request', `\`state\` must be one of ${STATES.join(', ')}`)
    const filter = state === undefined ? {} : { state }
    return json(await engine.approvals(request.credentials, filter, readPage(request.query), request.signal))
  },
}

export const getApproval: Route = {
  method: 'GET',
  path: '/v1/approvals/{approval}',
  id: 'getApproval',
  describe: 'One request: what would be done, for whom, and the hash that an approval binds to.',
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'The request.' },
  async handle(engine, request) {
    const approval = checkedApproval(request.parameters[0] as string)
    return json(await engine.approval(request.credentials, approval, request.signal))
  },
}

export const decideApproval: Route = {
  method: 'POST',
  path: '/v1/approvals/{approval}/decision',
  id: 'decideApproval',
  describe: "Hands in a decision, signed with the approver's own key.",
  query: [],
  body: {
    type: 'object',
    properties: {
      decision: { type: 'string', description: 'The decision as canonical JSON, exactly as signed.' },
      signature: { type: 'string', description: 'Ed25519 signature over the text, base64.' },
      card: { type: 'string', description: 'What the approver was shown; its SHA-256 is `saw` in the decision.' },
    },
    required: ['decision', 'signature'],
    additionalProperties: false,
  },
  headers: [ACKNOWLEDGE_HEADER],
  answers: { 200: 'What came of the operation.' },
  async handle(engine, request) {
    checkedApproval(request.parameters[0] as string)
    const { decision, signature, card } = signedDecision(request.body, request.parameters[0] as string)
    const { credentials, signal } = request
    return json(await engine.decideApproval(credentials, decision, signature, signal, card, readLevel(request)))
  },
}

export const giveGrant: Route = {
  method: 'POST',
  path: '/v1/approvals/grants',
  id: 'giveGrant',
  describe: 'Hands in a standing grant, signed with the approver’s own key: approval in advance, within bounds.',
  query: [],
  body: {
    type: 'object',
    properties: {
      grant: { type: 'string', description: 'The grant as canonical JSON, exactly as signed.' },
      signature: { type: 'string', description: 'Ed25519 signature over the text, base64.' },
    },
    required: ['grant', 'signature'],
    additionalProperties: false,
  },
  headers: [ACKNOWLEDGE_HEADER],
  answers: { 200: 'The operation that put it on record.' },
  async handle(engine, request) {
    const { grant, signature } = (request.body ?? {}) as Record<string, Json>
    if (typeof grant !== 'string' || typeof signature !== 'string')
      throw problem('malformed-request', 'the body holds the texts `grant` and `signature`')
    return json(await engine.giveGrant(request.credentials, grant, signature, request.signal, readLevel(request)))
  },
}

export const listGrants: Route = {
  method: 'GET',
  path: '/v1/approvals/grants',
  id: 'listGrants',
  describe:
    'Standing grants by principal and command, each with what has been used and why it lets nothing through any more.',
  query: [
    { name: 'standing', describe: 'Only those that stand so.', schema: { enum: GRANT_STANDINGS } },
    { name: 'to', describe: 'Only those to this principal.', schema: { type: 'string' } },
    ...PAGE,
  ],
  body: null,
  headers: [],
  answers: { 200: 'A page of grants.' },
  async handle(engine, request) {
    const named = request.query.get('standing')
    const standing = GRANT_STANDINGS.find((one) => one === named)
    if (named !== undefined && standing === undefined)
      throw problem('malformed-request', `\`standing\` must be one of ${GRANT_STANDINGS.join(', ')}`)
    const to = request.query.get('to')
    const filter = { ...(standing === undefined ? {} : { standing }), ...(to === undefined ? {} : { to }) }
    return json(await engine.grants(request.credentials, filter, readPage(request.query), request.signal))
  },
}

export const withdrawGrant: Route = {
  method: 'POST',
  path: '/v1/approvals/grants/{grant}/withdrawal',
  id: 'withdrawGrant',
  describe: 'Takes a standing grant back, at once.',
  query: [],
  body: {
    type: 'object',
    properties: { reason: { type: 'string', description: 'Goes on record.' } },
    required: ['reason'],
    additionalProperties: false,
  },
  headers: [ACKNOWLEDGE_HEADER],
  answers: { 200: 'The operation that took it back.' },
  async handle(engine, request) {
    const { reason } = (request.body ?? {}) as Record<string, Json>
    if (typeof reason !== 'string') throw problem('malformed-request', 'the body holds the text `reason`')
    const asked = { grant: request.parameters[0] as string, reason }
    return json(await engine.withdrawGrant(request.credentials, asked, request.signal, readLevel(request)))
  },
}

export const decideApprovals: Route = {
  method: 'POST',
  path: '/v1/approvals/decisions',
  id: 'decideApprovals',
  describe:
    'Hands in several decisions of one approver. All of them count, or none does; each operation then goes on by itself.',
  query: [],
  body: {
    type: 'object',
    properties: { decisions: { type: 'array', items: { type: 'object' }, minItems: 1 } },
    required: ['decisions'],
    additionalProperties: false,
  },
  headers: [ACKNOWLEDGE_HEADER],
  answers: { 200: 'What came of each operation, in order.' },
  async handle(engine, request) {
    const members = request.body as Record<string, Json> | undefined
    const decisions = members?.['decisions']
    if (!Array.isArray(decisions)) throw problem('malformed-request', 'the body holds a list, `decisions`')
    const handed = decisions.map((one: Json) => signedDecision(one, null))
    const { credentials, signal } = request
    return json({ outcomes: await engine.decideApprovals(credentials, handed, signal, readLevel(request)) })
  },
}

/** The body's two texts. The path must name the approval that the text names, so that logs of addresses tell the truth. */
function signedDecision(body: Json | undefined, approval: string | null) {
  const members =
    typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, Json>) : {}
  const { decision, signature, card = null, ...others } = members
  const isText = typeof decision === 'string' && typeof signature === 'string'
  if (!isText || (card !== null && typeof card !== 'string') || Object.keys(others).length > 0)
    throw problem(
      'malformed-request',
      'the body holds the texts `decision` and `signature`, and `card` when there was one',
    )
  if (approval !== null && !decision.includes(JSON.stringify(approval)))
    throw problem('approval-invalid', 'the decision is about another approval than the address')
  return { decision, signature, card }
}
