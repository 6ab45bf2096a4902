/**
 * Checks everything that can be checked from the data alone: every record, link, tree and checkpoint; every operation against the index and the
 * outbox; every admission, derived again; every snapshot and read model against a rebuild.
 */
import { APPROVALS_MODEL, ENGINE_READ_MODELS } from './approval-request.ts'
import type { VerifyReport } from './engine.ts'
import type { Parts } from './parts.ts'
import { keyOfCheckpoint } from './verify-keys.ts'
import { verifySealed } from './personal/verify-sealed.ts'
import { rebuildStreams } from './verify-fold.ts'
import { verifyOperations, type Grounds } from './verify-operations.ts'
import { verifySnapshots } from './verify-snapshots.ts'
import { verifyLog, type Finding } from '../event-log/verify.ts'
import { Problem } from '../model/problems.ts'
import { OpeningReader, type Keys } from '../personal-data/opening-reader.ts'
import type { NoteVerifier } from '../model/signed-note.ts'
import { compareReadModels, type Comparison } from '../read-models/rebuild.ts'

/** What an audit needs: also there when no engine is open, from the files of a data directory alone. */
export interface Audited extends Pick<Parts, 'reader' | 'sandbox' | 'release'>, Partial<Grounds> {
  /** Null when none has been stored yet. */
  readonly committer: { checkpoint(): Promise<string | null> }
  /** A key of the log that is trusted: the one that must have signed the checkpoint is it, or follows from it. */
  readonly log?: NoteVerifier | null
  /** Null or left out: the application has no personal data, or their keys are not at hand. */
  readonly keys?: Keys | null
}

const FINDINGS_REPORTED = 20

export async function verify(
  parts: Audited,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { release, authority, policy, keys = null } = parts
  const stored = (parts.reader.stored ?? parts.reader).forAudit()
  const reader = (
    keys === null ? stored : new OpeningReader(stored as Parts['reader'], keys, release.manifest, 'stays')
  ) as Parts['reader']
  const opened = { ...parts, reader }
  const { position: head, treeSize } = reader.head()
  const checkpoint = await parts.committer.checkpoint()
  const signedBy = keyOfCheckpoint(stored, checkpoint, parts.log ?? null)
  const log = await verifyLog(stored, {
    checkpoint,
    log: signedBy.key,
    onProgress: (done) => onProgress(Math.floor(done / 2), treeSize),
    signal,
  })
  const grounds = authority === undefined || policy === undefined ? null : { authority, policy }
  const operations = await verifyOperations(
    reader,
    head,
    log.store.operations,
    grounds,
    (done) => onProgress(Math.floor((treeSize + done) / 2), treeSize),
    signal,
  )
  const snapshots = await unlessDamaged(
    () => verifySnapshots(opened, head, signal),
    (finding) => [finding],
  )
  const manifest = { ...release.manifest, readModels: { ...release.manifest.readModels, ...ENGINE_READ_MODELS } }
  const damaged: Finding[] = []
  const { [APPROVALS_MODEL]: approvals, ...readModels } = await unlessDamaged<Readonly<Record<string, Comparison>>>(
    () =>
      compareReadModels(
        reader,
        manifest,
        head,
        (entity, streams, at) => rebuildStreams(opened, entity, streams, at, signal),
        () => {},
        signal,
      ),
    (finding) => (damaged.push(finding), {}),
  )
  const differing = Object.entries({
    ...readModels,
    ...(approvals === undefined ? {} : { [APPROVALS_MODEL]: approvals }),
  })
    .filter(([, { equal }]) => !equal)
    .map(([model]) => ({ position: null, what: `read model \`${model}\` differs from its rebuild` }))
  const sealed = await verifySealed(stored, keys, head, signal)
  const origin: Finding[] =
    log.records > 0 && stored.meta('origin') === null
      ? [{ position: null, what: 'the store does not say which log it holds' }]
      : []
  const findings = [
    ...signedBy.findings,
    ...log.findings,
    ...origin,
    ...sealed.findings,
    ...operations.findings,
    ...snapshots,
    ...damaged,
    ...differing,
  ]
  return {
    verdict: findings.length > 0 ? 'invalid' : sealed.erased > 0 ? 'valid-with-erasures' : 'valid',
    erased: sealed.erased,
    records: log.records,
    treeSize: log.treeSize,
    rootHash: log.rootHash,
    findings: findings.slice(0, FINDINGS_REPORTED),
    readModels,
    notChecked: [
      ...log.notChecked,
      ...operations.notChecked,
      ...sealed.notChecked,
      'earlier versions of rows in read models, and refusals, denials and reads, which are kept beside the log',
    ],
  }
}

/** What cannot be read at all is a finding like any other; the audit goes on with the rest. */
async function unlessDamaged<Result>(
  work: () => Promise<Result>,
  otherwise: (finding: Finding) => Result,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Problem) || error.code === 'cancelled' || error.code === 'sandbox-unavailable') throw error
    return otherwise({ position: null, what: `what is kept beside the log cannot be rebuilt: ${error.detail}` })
  }
}
