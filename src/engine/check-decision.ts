/** What a cell says that it decided, held against the release: nothing that does not fit its manifest is stored. */
import { isEngineEntity } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import type { CellDecision, RowChange } from '../model/decision.ts'
import { streamId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'

export type AcceptedByCell = Extract<CellDecision, { kind: 'accepted' }>

/** Everything that would be stored, against the release's own schemas. @throws `application-output-invalid` */
export function checkAccepted(parts: Parts, name: string, decision: AcceptedByCell): void {
  const { validators, release } = parts
  const command = release.manifest.commands[name]
  const wrong = (what: string): never => {
    throw problem('application-output-invalid', what)
  }
  if (command === undefined) return wrong(`command \`${name}\` is not declared`)
  if (command.facts !== null && decision.facts === null) wrong(`command \`${name}\` declares facts and stated none`)
  validators.output(name, decision.result)
  const written = new Set<string>()
  for (const event of decision.events) {
    if (isEngineEntity(event.entity) || !command.appends.includes(event.entity))
      wrong(`command \`${name}\` may not append to entity \`${event.entity}\``)
    checkId(event.entity, event.id)
    validators.event(event.entity, event.type, event.data)
    written.add(streamId(event.entity, event.id))
  }
  const stated = new Set<string>()
  for (const { entity, id, state } of decision.states) {
    validators.state(entity, state)
    stated.add(streamId(entity, id))
  }
  if (written.size !== stated.size || [...written].some((stream) => !stated.has(stream)))
    wrong('the states do not match the streams that were appended to')
  checkRows(parts, decision.rows, written)
  for (const { effect, payload } of decision.effects) {
    if (!command.effects.includes(effect)) wrong(`command \`${name}\` may not ask for effect \`${effect}\``)
    validators.effect(effect, payload)
  }
}

/** An id that has no UTF-8 form would be stored as another one; an empty one would be listed nowhere. */
export function checkId(entity: string, id: string): void {
  if (id === '' || !id.isWellFormed())
    throw problem('application-output-invalid', `an id of \`${entity}\` is empty or not well-formed Unicode`)
}

/** Rows come with the streams they are folded from, and with no others. @throws `application-output-invalid` */
export function checkRows(parts: Parts, rows: readonly RowChange[], written: ReadonlySet<string>): void {
  const { readModels } = parts.release.manifest
  for (const { model, id, key, row } of rows) {
    const of = Object.hasOwn(readModels, model) ? readModels[model]?.of : undefined
    if (of === undefined || !written.has(streamId(of, id)) || !key.isWellFormed())
      throw problem(
        'application-output-invalid',
        `a row of \`${model}\` does not belong to a stream that was appended to`,
      )
    if (row !== null) parts.validators.row(model, row)
  }
}
