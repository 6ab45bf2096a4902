/** Erasing a data subject's personal data. */
import type { JsonObject } from '../../../model/json.ts'
import { problem } from '../../../model/problems.ts'
import { ACKNOWLEDGE_HEADER, KEY_HEADER, readIdempotencyKey, readLevel } from '../parameters.ts'
import { outcomeReply } from '../reply.ts'
import type { Route } from '../route.ts'
import { OUTCOMES } from './commands.ts'

export const eraseSubject: Route = {
  method: 'POST',
  path: '/v1/erasures',
  id: 'eraseSubject',
  describe:
    'Destroys the keys of a data subject’s personal data: when it answers `committed`, nothing that is kept opens any more. For principals in scope for `plinth.erase`.',
  query: [],
  body: {
    type: 'object',
    properties: {
      subject: { type: 'string', description: '`<entity>/<id>`' },
      tenant: { type: 'string', description: 'Left out: the caller’s own.' },
      reason: { type: 'string', description: 'Stays on record: no personal data in it.' },
      basis: { type: 'string', description: 'Legal basis.' },
    },
    required: ['subject', 'reason'],
    additionalProperties: false,
  },
  headers: [KEY_HEADER, ACKNOWLEDGE_HEADER],
  answers: { ...OUTCOMES, 404: 'No personal data of this subject is held.' },
  async handle(engine, request) {
    const { subject, tenant, reason, basis } = membersOf(request.body)
    const erasure = {
      subject: subject ?? '',
      tenant: tenant ?? null,
      reason: reason ?? '',
      basis: basis ?? null,
      idempotencyKey: readIdempotencyKey(request),
      acknowledge: readLevel(request),
    }
    const { answer, timings } = await engine.erase(request.credentials, erasure, request.signal)
    return outcomeReply(answer, timings)
  },
}

const MEMBERS = ['subject', 'tenant', 'reason', 'basis']

function membersOf(body: unknown): Readonly<Record<string, string | undefined>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw problem('invalid-input', 'the body must be an object')
  for (const [name, value] of Object.entries(body as JsonObject))
    if (!MEMBERS.includes(name) || typeof value !== 'string')
      throw problem('invalid-input', `\`${name.slice(0, 80)}\` is not known here, or is not a text`, {
        errors: [{ pointer: `/${name.slice(0, 80)}`, message: `must be a text, one of ${MEMBERS.join(', ')}` }],
      })
  return body as Readonly<Record<string, string | undefined>>
}
