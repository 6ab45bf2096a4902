/** The streams that an input names: the command's targets. They are prefetched, and taken in turn. */
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { streamId, type StreamId } from '../model/ids.ts'

export function streamsNamed(parts: Parts, { intent, input }: Proposal): readonly StreamId[] {
  const named: StreamId[] = []
  for (const { entity, member } of parts.release.manifest.commands[intent.command]?.targets ?? []) {
    const id = Object.hasOwn(input, member) ? input[member] : undefined
    if (typeof id === 'string') named.push(streamId(entity, id))
  }
  return named
}
