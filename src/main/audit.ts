/** `plinth audit admissions`: from a data directory or from an exported bundle, on whichever machine it is. */
import { auditAdmissions, type AdmissionsReport } from '../engine/audit/audit-admissions.ts'
import { openDirectoryEvidence } from './evidence-directory.ts'

/** @param rootKey text of the operators' public key, kept elsewhere; null takes the one beside the evidence */
export async function auditDirectory(
  dir: string,
  rootKey: string | null,
  onProgress: (records: number, of: number | null) => void,
  signal: AbortSignal,
): Promise<AdmissionsReport> {
  const evidence = await openDirectoryEvidence(dir, rootKey)
  try {
    return await auditAdmissions(evidence, onProgress, signal)
  } finally {
    evidence.close()
  }
}
