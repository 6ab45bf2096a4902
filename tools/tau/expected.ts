/** What a task should come to, and the first thing in which it came to something else. */
import type { JsonObject } from '../../src/model/json.ts'
import type { Called } from './agent.ts'
import { digestOf, stateDigest } from './digest.ts'
import type { Digests } from './digest.ts'
import type { Task } from './served.ts'
import type { ChangedRecord } from './state.ts'

type ExpectedOutcome =
  { readonly ok: true; readonly result_sha256: string } | { readonly ok: false; readonly code: string }

/** Outcomes of the calls, in order, and the state after them. */
interface Course extends JsonObject {
  readonly outcomes: readonly ExpectedOutcome[]
  readonly state_sha256: string
  readonly changed: readonly (JsonObject & ChangedRecord)[]
}
export interface Expected extends Course {
  readonly id: string
  /** Where a correct implementation differs from the published one. */
  readonly strict?: Course
}
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
  if (expected.strict === undefined) return { difference: fromPublished }
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
