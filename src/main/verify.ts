/**
 * Audits a data directory from its files alone: read-only, without the key that signs, beside a running system or without one. The application's
 * code that rebuilds read models runs in cells, as always.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { VerifyReport } from '../engine/engine.ts'
import { verify } from '../engine/verify.ts'
import { openForReading } from '../engine/personal/open-for-reading.ts'
import type { Grounds } from '../engine/verify-operations.ts'
import { systemClock } from '../host/clock.ts'
import type { Release } from '../model/manifest.ts'
import { Problem, problem } from '../model/problems.ts'
import { NoteError, parseVerifierKey, type NoteVerifier } from '../model/signed-note.ts'
import { openPolicy } from '../policy/open.ts'
import { openAuthoritySource } from '../warden/source.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import { openSqliteAuditReader } from '../storage/sqlite/reader.ts'
import { verifyAnchors } from './verify-anchors.ts'
import { authorityFolder, pinnedKey, isDataDirectory, lastRelease } from './data-directory.ts'

/**
 * @param keyFile public key of the log, kept elsewhere; null takes the one in the directory, which proves less
 * @throws `usage` when it is no data directory, or the key cannot be read
 */
export async function verifyOffline(
  dir: string,
  keyFile: string | null,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
  keysDir: string | null = null,
): Promise<VerifyReport> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const log = await logKey(keyFile ?? join(dir, 'log.vkey'))
  const release = await lastRelease(dir)
  await using opened = new AsyncDisposableStack()
  const reader = openSqliteAuditReader(dir)
  opened.defer(() => reader.close())
  const sandbox = await openSandbox()
  opened.defer(() => sandbox.close())
  await sandbox.load(release.id, release.bundle)
  const checkpoint = reader.meta('checkpoint')
  const committer = { checkpoint: () => Promise.resolve(checkpoint) }
  const grounds = await groundsOf(dir, release, opened)
  const personal = openForReading(keysDir ?? dir, reader, release.manifest)
  if (personal !== null) opened.defer(() => personal.keys.close())
  const keys = personal?.keys ?? null
  const report = await verify({ reader, release, sandbox, committer, log, keys, ...grounds }, onProgress, signal)
  const anchors = verifyAnchors(dir, reader, log)
  const findings = [...report.findings, ...anchors.findings]
  const verdict = anchors.findings.length > 0 ? 'invalid' : report.verdict
  const notChecked =
    keyFile === null
      ? [
          ...report.notChecked,
          ...anchors.notChecked,
          'that the key of the log is its own: compare `log.vkey` with a copy kept elsewhere (`--key`)',
        ]
      : [...report.notChecked, ...anchors.notChecked]
  return { ...report, verdict, findings, notChecked }
}

/** What admissions are derived again with. Nothing when the authority does not verify: then the report says that they were not checked. */
async function groundsOf(dir: string, { manifest }: Release, opened: AsyncDisposableStack): Promise<Partial<Grounds>> {
  try {
    const authority = await openAuthoritySource(authorityFolder(dir), await pinnedKey(dir), { clock: systemClock })
    opened.defer(() => authority.close())
    const policy = openPolicy({ source: authority, manifest })
    opened.defer(() => policy.close())
    return { authority, policy }
  } catch (error) {
    if (error instanceof Problem) return {}
    throw error
  }
}

async function logKey(path: string): Promise<NoteVerifier> {
  if (!existsSync(path)) throw problem('usage', `there is no key \`${path}\``)
  try {
    return parseVerifierKey((await readFile(path, 'utf8')).trim())
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('usage', `\`${path}\`: ${error.message}`, {}, error)
  }
}
