/** What a task should come to, and the first thing in which it came to something else. */
import { z } from 'zod'
import type { Called } from './agent.ts'
import { digestOf, stateDigest } from './digest.ts'
import type { Digests } from './digest.ts'
import type { Task } from './served.ts'
import type { ChangedRecord } from './state.ts'

const outcome = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), result_sha256: z.string() }),
  z.object({ ok: z.literal(false), code: z.string().default('failure') }),
])
const course = z.object({
  outcomes: z.array(outcome),
  state_sha256: z.string(),
  changed: z.array(z.object({ collection: z.string(), id: z.string() })).default([]),
})
/** `strict`: where a correct implementation differs from the published one. */
export const expectedForm = course.extend({ id: z.string(), strict: course.nullish() })

/** Outcomes of the calls, in order, and the state after them. */
type Course = z.infer<typeof course>
export type Expected = z.infer<typeof expectedForm>
export interface Happened {
  readonly calls: readonly Called[]
  readonly digests: Digests
  readonly changed: readonly ChangedRecord[]
}

/** `faithful`: as published; `strict`: as a correct implementation; or what is different from both. */
export function compare(
  task: Task,
  expected: Expected,
  happened: Happened,
): 'faithful' | 'strict' | { readonly difference: string } {
  const fromPublished = difference(task, expected, happened)
  if (fromPublished === null) return 'faithful'
  if (expected.strict == null) return { difference: fromPublished }
  const fromStrict = difference(task, expected.strict, happened)
  return fromStrict === null ? 'strict' : { difference: fromStrict }
}

function difference(task: Task, { outcomes, state_sha256, changed }: Course, happened: Happened): string | null {
  if (outcomes.length !== happened.calls.length)
    return `${outcomes.length} outcomes are expected of ${happened.calls.length} calls`
  for (const [index, outcome] of outcomes.entries()) {
    const called = happened.calls[index] as Called
    const ok = called.kind === 'committed' || called.kind === 'answered'
    const where = `call ${index} (${task.actions[index]?.name})`
    if (outcome.ok !== ok)
      return `${where}: ${outcome.ok ? 'success' : outcome.code} was expected, it was ${said(called)}`
    if (outcome.ok && digestOf(called.result) !== outcome.result_sha256)
      return `${where}: another result, ${JSON.stringify(called.result).slice(0, 300)}`
  }
  if (stateDigest(happened.digests) === state_sha256) return null
  const names = (records: readonly ChangedRecord[]) => records.map(({ collection, id }) => `${collection}/${id}`).sort()
  return `the final state: changes were expected in [${names(changed)}], they are in [${names(happened.changed)}]`
}

const said = ({ kind, code, rules }: Called): string =>
  [kind, ...(code === null ? [] : [`\`${code}\``]), ...rules.map((rule) => `\`${rule}\``)].join(' ')
