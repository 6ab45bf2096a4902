/** Checks policy files against the application that a data directory runs. */
import { policyFaults as faultsOf } from '../policy/policy-set.ts'
import { schemaOf } from '../policy/schema.ts'
import { lastRelease } from './data-directory.ts'

export async function policyFaults(files: Readonly<Record<string, string>>, dir: string): Promise<readonly string[]> {
  return faultsOf(files, schemaOf((await lastRelease(dir)).manifest))
}
