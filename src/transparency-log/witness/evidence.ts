/** Where a witness keeps proofs against logs: files named by their hash, a bounded number of them. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { replaceDurablySync } from './durable-files.ts'
import type { EquivocationProof } from './equivocation.ts'

const FILES_MAX = 256 // one proof convicts a log; more are for those who study how it happened

/** @returns the path, or null when there are enough already or the disk does not take it: a proof is worth less than an answer */
export function fileEvidence(dir: string, proof: EquivocationProof): string | null {
  const text = `${JSON.stringify(proof, null, 2)}\n`
  const folder = join(dir, 'evidence')
  const path = join(folder, `${createHash('sha256').update(text).digest('hex')}.json`)
  try {
    if (existsSync(path)) return path
    mkdirSync(folder, { recursive: true })
    if (readdirSync(folder).length >= FILES_MAX) return null
    replaceDurablySync(path, text)
    return path
  } catch {
    return null
  }
}
