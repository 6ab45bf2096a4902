/** Where a client keeps, for each log, the largest checkpoint that it has been shown and has found to go on from the one before. */
import type { PinnedLog } from '../../transparency-log/cosignature-checkpoint.ts'
import { openAnyCheckpoint } from '../../transparency-log/cosignature-checkpoint.ts'
import type { HeadEvidence } from '../../transparency-log/head-evidence.ts'

export interface HeadStore {
  /** The largest head kept under these keys, as a signed note; null when there is none. @throws LogFault `log-heads-damaged` */
  read(log: PinnedLog): Promise<string | null>
  /** Keeps a note that `log` has signed, unless a larger one is kept already. What has been kept never gets smaller, whoever else writes. */
  keep(log: PinnedLog, note: string): Promise<void>
  /** Keeps evidence against a log. @returns where, for people; null when it could not be kept */
  file(evidence: HeadEvidence): Promise<string | null>
}

/** For one process: remembers as long as it runs. */
export function memoryHeads(): HeadStore & { readonly evidence: readonly HeadEvidence[] } {
  const heads = new Map<string, string>()
  const evidence: HeadEvidence[] = []
  const nameOf = ({ origin, keys }: PinnedLog): string => [origin, ...keys.map(({ keyHash }) => keyHash)].join('\n')
  const read = (log: PinnedLog): string | null => heads.get(nameOf(log)) ?? null
  return {
    evidence,
    read: (log) => Promise.resolve(read(log)),
    keep(log, note) {
      const kept = read(log)
      if (kept === null || openAnyCheckpoint(kept, log).size < openAnyCheckpoint(note, log).size)
        heads.set(nameOf(log), note)
      return Promise.resolve()
    },
    file(found) {
      if (evidence.length < EVIDENCE_MAX) evidence.push(found)
      return Promise.resolve(null)
    },
  }
}

export const EVIDENCE_MAX = 256 // one proof convicts a log; more are for those who study how it happened
