/**
 * May this release take over what a data directory holds? Every event in the log must still be declared, since state is folded from all of them.
 * Asked before anything is opened for writing: a refusal leaves the directory as it was.
 */
import type { Manifest, Release } from '../model/manifest.ts'
import { streamParts, type Position } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import { sketchLine } from '../model/record-line.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import type { StorageReader } from '../storage/storage.ts'

const PAGE_RECORDS = 2_000

/** @throws `release-invalid` naming the first event that would be lost, `usage` for another application's directory */
export function checkTakeover(dir: string, before: Release, next: Release): void {
  const [old, fresh] = [before.manifest, next.manifest]
  if (old.name !== fresh.name)
    throw problem(
      'usage',
      `\`${dir}\` holds the application \`${old.name}\`, not \`${fresh.name}\`: choose another with \`--dir\``,
    )
  const missing = missingEvents(old, fresh)
  if (missing.size === 0) return
  const reader = openSqliteReader(dir)
  try {
    const lost = firstOf(reader, missing)
    if (lost !== null)
      throw problem(
        'release-invalid',
        `the log holds an event \`${lost.event}\` at position ${lost.position}, which the application no longer declares: keep it, or begin a new data directory`,
        lost,
      )
  } finally {
    reader.close()
  }
}

/** Events that the older manifest declares and the newer does not, as `entity event`. A declared event may never have happened. */
function missingEvents(old: Manifest, fresh: Manifest): ReadonlySet<string> {
  const missing = new Set<string>()
  for (const [entity, { events }] of Object.entries(old.entities))
    for (const event of Object.keys(events))
      if (fresh.entities[entity]?.events[event] === undefined) missing.add(`${entity} ${event}`)
  return missing
}

function firstOf(
  reader: StorageReader,
  missing: ReadonlySet<string>,
): { readonly entity: string; readonly event: string; readonly position: number } | null {
  for (let from = 0; ;) {
    const page = reader.records(from as Position, PAGE_RECORDS)
    for (const { position, line } of page) {
      const event = sketchLine(line)?.event
      if (event === undefined || event === null) continue
      const { entity } = streamParts(event.stream)
      const { type } = JSON.parse(line) as { type: string }
      if (missing.has(`${entity} ${type}`)) return { entity, event: type, position }
    }
    if (page.length < PAGE_RECORDS) return null
    from += page.length
  }
}
