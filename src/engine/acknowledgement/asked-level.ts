/** The level at which an operation is to be acknowledged: the highest that its caller, its command or one of its events asks for. */
import { highest, type Level } from '../../model/acknowledgement.ts'
import type { NewEvent } from '../../model/decision.ts'
import { streamId, streamParts, type StreamId } from '../../model/ids.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { Intent } from '../../model/operation.ts'

export interface Asking {
  /** By the caller. */
  readonly acknowledge?: Level | undefined
  readonly command: string
  readonly events: readonly { readonly stream: string; readonly type: string }[]
}

/** Of what the release of today declares, for operations of an earlier one too: what counts is how the answer will be relied on. */
export function askedLevel({ commands, entities }: Manifest, { acknowledge, command, events }: Asking): Level {
  return highest(
    acknowledge,
    Object.hasOwn(commands, command) ? commands[command]?.acknowledge : null,
    ...events.map(({ stream, type }) => {
      const { entity } = streamParts(stream as StreamId)
      return Object.hasOwn(entities, entity) ? entities[entity]?.acknowledge?.[type] : null
    }),
  )
}

/** Of what a decision would commit: known before it is made. */
export const levelOf = (
  manifest: Manifest,
  { acknowledge, command }: Pick<Intent, 'acknowledge' | 'command'>,
  { events }: { readonly events: readonly NewEvent[] },
): Level => {
  const written = events.map(({ entity, id, type }) => ({ stream: streamId(entity, id), type }))
  return askedLevel(manifest, { acknowledge, command, events: written })
}
