/**
 * Why a release should not have become active: it changes a declaration that operators had protected, or a switch kept releases out. Derived from the
 * log, the manifests and the snapshots, so that a runtime which does not ask is found.
 */
import type { Evidence } from './evidence.ts'
import type { Standing } from './standing.ts'
import type { Transaction } from './transactions.ts'
import { RELEASE } from '../engine-streams.ts'
import { changedDeclarations } from '../../model/declaration.ts'
import { streamParts, type ReleaseId } from '../../model/ids.ts'
import { switchInTheWay } from '../../warden/switches.ts'

/** @returns null when there is nothing to say; `unchecked` when what it takes is not at hand */
export async function activationFault(
  { events }: Transaction,
  standing: Standing,
  evidence: Evidence,
): Promise<{ readonly why: string } | { readonly unchecked: string } | null> {
  const activated = events.find(({ record }) => streamParts(record.stream).entity === RELEASE)?.data
  const release = activated?.['release']
  if (typeof release !== 'string' || release === '' || release === standing.active) return null
  // The engine notes what it looked at; a log from before it did is held against what was on record.
  const asked = activated?.['snapshot'] ?? standing.inForce
  if (typeof asked !== 'number' || asked < standing.inForce)
    return { why: 'it rests on a snapshot that had been replaced' }
  const found = await evidence.snapshot(asked)
  const manifest = await evidence.manifest(release as ReleaseId)
  // A snapshot that was altered is named by the admissions under it.
  if (found.kind !== 'found' || manifest === null)
    return { unchecked: `whether release \`${release}\` was let in: its manifest or snapshot ${asked} is not at hand` }
  const [changed] = changedDeclarations(manifest, found.snapshot.protected)
  if (changed !== undefined)
    return {
      why: `${changed.kind} \`${changed.name}\` is ${changed.now === null ? 'left out' : 'not as operators had signed it'}`,
    }
  if (standing.active === null) return null
  const nobody = { tenant: '', principals: [], run: null, command: '', effects: [], policySet: null }
  const by = switchInTheWay(found.snapshot.switches, { application: manifest.name, ...nobody }, 'activate')
  return by === null ? null : { why: `switch \`${by.id}\` (${by.action}) kept releases out` }
}
