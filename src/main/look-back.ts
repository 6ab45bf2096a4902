/** What looks at past verdicts or tries policies: `plinth policy replay`, `plinth policy test`, `plinth reach`. Read-only, without a running system. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { applicationPath } from '../doors/cli/application-path.ts'
import type { PolicyTestOptions, ReachOptions, ReplayOptions } from '../doors/cli/composition.ts'
import { reachOfPrincipal } from '../engine/audit/reach-of-principal.ts'
import { replayPolicies } from '../engine/audit/replay-policies.ts'
import type { PolicyTestReport, ReachReport, ReplayReport } from '../engine/audit/report.ts'
import { problem } from '../model/problems.ts'
import { runPolicyCases } from '../policy/policy-cases.ts'
import { policyFaults } from '../policy/policy-set.ts'
import { schemaOf } from '../policy/schema.ts'
import { buildRelease } from './build.ts'
import { lastRelease } from './data-directory.ts'
import { openDirectoryEvidence } from './evidence-directory.ts'
import { predictStates } from './predict-states.ts'

/** @throws `authority-change-refused` for policies that do not fit the application: they could not be put in force */
export async function policyReplay(options: ReplayOptions, signal: AbortSignal): Promise<ReplayReport> {
  const { dir, files, sinceMs, limit, skip, onProgress } = options
  const release = await lastRelease(dir)
  const faults = policyFaults(files, schemaOf(release.manifest))
  if (faults.length > 0)
    throw problem('authority-change-refused', 'the policies do not hold together', { errors: [...faults] })
  const evidence = await openDirectoryEvidence(dir, null)
  try {
    const report = await replayPolicies(evidence, { policies: files, sinceMs, limit, skip }, onProgress, signal)
    const { streams, notChecked } = await predictStates(evidence.reader, release, report.streams, signal)
    return { ...report, streams, notChecked: [...report.notChecked, ...notChecked] }
  } finally {
    evidence.close()
  }
}

export async function reach(
  { dir, principal, at, onProgress }: ReachOptions,
  signal: AbortSignal,
): Promise<ReachReport> {
  const evidence = await openDirectoryEvidence(dir, null)
  try {
    return await reachOfPrincipal(evidence, principal, at, onProgress, signal)
  } finally {
    evidence.close()
  }
}

/** The application is the one named, else the one that the policies lie in, else the one of this folder. */
export async function policyTest({ folder, files, cases, application }: PolicyTestOptions): Promise<PolicyTestReport> {
  const around = dirname(resolve(folder))
  const path = application ?? (existsSync(join(around, 'index.ts')) ? around : applicationPath(null))
  const { manifest } = await buildRelease(path)
  return runPolicyCases(files, cases, manifest)
}
