/** `plinth audit admissions`: from a data directory or from an exported bundle, on whichever machine it is. */
import { readFile } from 'node:fs/promises'
import type { AuditOptions } from '../doors/cli/composition.ts'
import { auditAdmissions } from '../engine/audit/audit-admissions.ts'
import type { AdmissionsReport } from '../engine/audit/report.ts'
import { problem } from '../model/problems.ts'
import { openBundleEvidence } from './evidence-bundle.ts'
import { openDirectoryEvidence } from './evidence-directory.ts'

/** @throws `usage` for what is no data directory, no bundle, or no key */
export async function audit(options: AuditOptions, signal: AbortSignal): Promise<AdmissionsReport> {
  const rootKey = options.rootKey === null ? null : await keyText(options.rootKey)
  if (options.bundle !== null)
    return await auditAdmissions(openBundleEvidence(options.bundle, rootKey), options.onProgress, signal)
  const evidence = await openDirectoryEvidence(options.dir, rootKey, options.subjectKeys ?? null)
  try {
    return await auditAdmissions(evidence, options.onProgress, signal)
  } finally {
    evidence.close()
  }
}

async function keyText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw problem('usage', `there is no key \`${path}\``, {}, cause)
  })
}
