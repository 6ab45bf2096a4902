/** Histories as somebody would make them who holds the log's key, and what is said to them: by witnesses, and by who verifies. */
import { openSqliteAuditReader } from '../../../src/storage/sqlite/reader.ts'
import type { Position } from '../../../src/model/ids.ts'
import { leafHash } from '../../../src/model/merkle.ts'
import type { NoteSigner } from '../../../src/model/signed-note.ts'
import { consistencyProof } from '../../../src/transparency-log/proofs.ts'
import { Tree } from '../../../src/transparency-log/tree.ts'
import { formatAddCheckpoint } from '../../../src/transparency-log/witness/add-checkpoint.ts'
import type { Trust } from '../../../verifier/verify.ts'
import type { Witness } from '../../support/witnesses.ts'
import { bundleOf, checkpointOf, verifyBytes, type Raw } from '../../vectors/bundle/forge.ts'
import type { Noticed } from './attack.ts'

export function recordsOf(dir: string): readonly Raw[] {
  const reader = openSqliteAuditReader(dir)
  const effects = reader.effects(-1 as Position, 1_000_000)
  const records = reader.records(0 as Position, reader.head().treeSize).map(({ position, line, payload }) => ({
    ...{ line, payload },
    effects: effects.filter((effect) => effect.position === position).map((effect) => effect.payload),
  }))
  reader.close()
  return records
}

export function treeOf(records: readonly Pick<Raw, 'line'>[]): Tree {
  const tiles = new Map<string, Uint8Array>()
  const tree = Tree.restore(0, (level, index) => tiles.get(`${level}/${index}`) as Uint8Array, [])
  for (const { line } of records) {
    tree.append(leafHash(line))
    for (const { level, index, hashes } of tree.takeFullTiles()) tiles.set(`${level}/${index}`, hashes)
  }
  return tree
}

/** Records of the last transaction. */
export const lastTransaction = (records: readonly Pick<Raw, 'line'>[]): number =>
  Number(/"tx":\{"i":\d+,"n":(\d+)\}/.exec(records.at(-1)?.line ?? '')?.[1])

/** The transaction that ends before a size, said to be of somebody else; all links made anew. */
export function reattributed<One extends Pick<Raw, 'line'>>(records: readonly One[], size: number): readonly One[] {
  const n = lastTransaction(records.slice(0, size))
  const heads = new Map<string, string>()
  return records.map((record, place) => {
    let line =
      place >= size - n && place < size ? record.line.replace(/"tenant":"[^"]*"/, '"tenant":"another"') : record.line
    const stream = /"stream":("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
    if (stream !== undefined) {
      line = line.replace(/"prev":"[0-9a-f]*"/, `"prev":"${heads.get(stream) ?? ''}"`)
      heads.set(stream, leafHash(line))
    }
    return { ...record, line }
  })
}

/**
 * As the log, to every witness.
 * @param cosigned what they have cosigned last
 * @param more records of the forged log that were committed after the attack
 * @returns null when enough of them cosign
 */
export async function askWitnesses(
  witnesses: readonly Witness[],
  forged: readonly Raw[],
  cosigned: number,
  more: number,
  key: NoteSigner,
): Promise<Noticed | null> {
  const note = checkpointOf(forged, key.name, key)
  const oldSize = Math.min(cosigned, forged.length)
  const body = formatAddCheckpoint({
    oldSize,
    proof: consistencyProof(treeOf(forged), oldSize, forged.length),
    note,
  })
  const answers = await Promise.all(
    witnesses.map(({ url }) => fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, { method: 'POST', body })),
  )
  const refused = answers.filter(({ status }) => status === 409 || status === 422)
  await Promise.all(answers.map((answer) => answer.text()))
  if (refused.length <= witnesses.length - 2) return null
  const codes = [...new Set(refused.map(({ status }) => status))].join(', ')
  return { by: `${refused.length} of ${witnesses.length} witnesses refuse (${codes})`, records: more, calls: 0 }
}

/** What whoever is given the forged history says to it: one look. */
export async function verdictOf(
  forged: readonly Raw[],
  checkpoint: string,
  trust: Trust,
  wanted: readonly string[],
): Promise<Noticed | null> {
  const { verdict } = verifyBytes(await bundleOf(forged, checkpoint), trust)
  return wanted.includes(verdict) ? { by: `verifier: ${verdict}`, records: 0, calls: 1 } : null
}
