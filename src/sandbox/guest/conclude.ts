/** From what the code returned to the answer that leaves the cell: states, invariants, rows, and the rules for refusals and facts. */
import type { GuestCommand, GuestInvariant, GuestQuery } from '../../application/guest.ts'
import { fail, known, overLimit, Refusal, refuse } from './execution.ts'
import type { Execution, Stream } from './execution.ts'
import { modelsOf, purely, rowChanges } from './fold.ts'
import { advance } from './transaction.ts'

/** Codes that the runtime itself gives; no declaration needs to name them. */
const OWN_CODES = ['not-found', 'already-exists', 'invariant-violated']

export async function conclude(
  execution: Execution,
  action: GuestCommand | GuestQuery,
  answer: unknown,
): Promise<void> {
  execution.closed = true
  if (answer instanceof Refusal) {
    concludeRefusal(execution, action, answer)
    return
  }
  if (action.facts !== null && execution.facts === null) {
    fail(execution, `\`${action.name}\` declares facts, so it must state them with \`tx.facts\` before it returns`)
    return
  }
  const result = JSON.stringify(answer ?? null) ?? 'null'
  const tail = `"result":${result},"facts":${execution.facts ?? 'null'}`
  if (action.kind === 'query') {
    done(execution, `{"kind":"answered",${tail}}`)
    return
  }
  const unread = execution.written.map((stream) => known(execution, stream)).filter((waiting) => waiting !== undefined)
  if (unread.length > 0) await Promise.all(unread)
  for (const stream of execution.written) advance(execution, stream)
  const rows: string[] = []
  for (const stream of execution.written) if (!settled(execution, stream, rows)) return
  const events = execution.appended.map(({ stream, index }) => eventText(stream, index))
  const states = execution.written.map((stream) => `${head(stream)},"state":${stream.text}}`)
  done(
    execution,
    `{"kind":"accepted",${tail},"events":[${events}],"effects":[${execution.effects}],"states":[${states}],"rows":[${rows}]}`,
  )
}

function concludeRefusal(execution: Execution, action: GuestCommand | GuestQuery, { code, detail }: Refusal): void {
  const declared = Object.keys(action.refusals)
  if (declared.length > 0 && !declared.includes(code) && !OWN_CODES.includes(code))
    fail(execution, `\`${action.name}\` refused with \`${code}\`, which it does not declare`)
  else if (action.facts !== null && execution.facts === null && !OWN_CODES.includes(code))
    fail(execution, `\`${action.name}\` declares facts, so it must state them with \`tx.facts\` before it refuses`)
  else refuse(execution, code, detail)
}

/** Checks the invariants of a written stream and collects its row changes. */
function settled(execution: Execution, stream: Stream, rows: string[]): boolean {
  const { entity, id, base, text } = stream
  const { application } = execution
  const models = modelsOf(application, entity.name)
  const invariants = Object.values(application.invariants).filter((invariant) => invariant.of === entity.name)
  if (models.length === 0 && invariants.length === 0) return true
  const after: unknown = JSON.parse(text as string)
  const broken = purely(() => invariants.find((invariant: GuestInvariant) => invariant.holds(after, id) !== true))
  if (broken !== undefined) {
    const detail = JSON.stringify({ invariant: broken.name, entity: entity.name, id })
    refuse(execution, 'invariant-violated', detail)
    return false
  }
  const before: unknown = base === null ? undefined : JSON.parse(base)
  for (const change of purely(() => rowChanges(models, id, before, after))) rows.push(change)
  return true
}

function eventText(stream: Stream, index: number): string {
  const { type, data } = stream.events[index] as { type: string; data: string }
  return `${head(stream)},"type":${JSON.stringify(type)},"data":${data}}`
}

const head = ({ entity, id }: Stream): string => `{"entity":${JSON.stringify(entity.name)},"id":${JSON.stringify(id)}`

function done(execution: Execution, text: string): void {
  const { maxOutput } = execution.limits
  if (text.length <= maxOutput) execution.outcome ??= `d${text}`
  else overLimit(execution, 'output_size', `${text.length} characters`, `an answer of more than ${maxOutput} bytes`)
}
