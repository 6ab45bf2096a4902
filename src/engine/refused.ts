/**
 * The application itself said no. Recorded aside; an operation that was held ends in the log, where its hold is. Who may not do a thing may not
 * learn about it either: where policy forbids it on the facts alone, the answer is the denial and not the application's reason.
 */
import { admit } from './admit.ts'
import { denied } from './denied.ts'
import { endHeld } from './hold.ts'
import type { Refusal } from './decide.ts'
import { flowCall } from './flows.ts'
import { payloadOf } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { whereOf, type Proposal } from './proposal.ts'
import type { Admission } from '../model/admission.ts'
import type { Outcome } from '../model/operation.ts'
import { problem } from '../model/problems.ts'

/** Codes that every command has, beside those it declares. */
const COMMON_TITLES: Readonly<Record<string, string>> = {
  'not-found': 'there is no such record',
  'already-exists': 'there is such a record already',
  'invariant-violated': 'this would break an invariant of the application',
}

export async function refused(parts: Parts, proposal: Proposal, refusal: Refusal, attempts: number): Promise<Outcome> {
  const admitted = refusal.facts === null ? null : admit(parts, proposal, refusal.admitRequest)
  if (admitted?.admission.kind === 'denied' && isForbidden(admitted.admission))
    return denied(parts, proposal, refusal, { admission: admitted.admission, read: admitted.read }, attempts)
  const { code, detail } = refusal
  const title = titleOf(parts, proposal.intent.command, code)
  parts.flows.answered(flowCall(proposal, refusal.attested), detail)
  const outcome = { kind: 'refused', code, title, detail } as const
  const payload = payloadOf(proposal, refusal, { admission: null, impact: null, attempts, outcome })
  if (proposal.resumed !== null) return endHeld(parts, proposal, 'refused', payload)
  parts.aside.record('refused', proposal.principal, proposal.operation, payload, whereOf(parts, proposal))
  return { ...outcome, operation: proposal.operation, replayed: false }
}

/** Forbidden by rules that were evaluated: not merely not permitted, which a request without impact may well be. */
export const isForbidden = ({ authority, errors }: Extract<Admission, { kind: 'denied' }>): boolean =>
  errors.length === 0 && authority.rules.length > 0

/** A code that nobody declared, of an action that declares none: then any kebab-case word is one, and reads as its own title. */
const UNDECLARED_CODE = /^[a-z][a-z0-9]{0,31}(?:-[a-z0-9]{1,31}){0,7}$/

/** @throws `application-output-invalid` for a code that the action does not declare, when it declares any, and for one that is not a word */
export function titleOf(parts: Pick<Parts, 'release'>, action: string, code: string): string {
  const { commands, queries } = parts.release.manifest
  const declared = (commands[action] ?? queries[action])?.refusals ?? {}
  for (const titles of [declared, COMMON_TITLES]) if (Object.hasOwn(titles, code)) return titles[code] ?? code
  const declaresNone = Object.keys(declared).every((own) => Object.hasOwn(COMMON_TITLES, own))
  if (declaresNone && UNDECLARED_CODE.test(code)) return code.replaceAll('-', ' ')
  throw problem('application-output-invalid', `\`${action}\` refused with a code that it does not declare`)
}
