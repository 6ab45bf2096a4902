/** A vault with witnesses: first opened alone, because the witnesses must know the log's key, then again with a policy that names them. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { AcknowledgementOptions } from '../../src/engine/acknowledgement/open-acknowledgement.ts'
import { openBank, temporaryDirectory, type Bank } from './bank-system.ts'
import { logVkeyOf, startWitnessHere, startWitnessProcess, writePolicy, type Witness } from './witnesses.ts'

export const VAULT = fileURLToPath(new URL('./vault/', import.meta.url))

export interface WitnessedVault {
  readonly vault: Bank
  readonly witnesses: readonly Witness[]
  readonly policy: string
  readonly logVkey: string
  readonly folder: string
}

export async function openVault(
  test: TestContext,
  {
    names = ['one', 'two', 'three'],
    threshold = 2,
    processes = false,
    program,
    application = VAULT,
    ...options
  }: AcknowledgementOptions & {
    readonly names?: readonly string[]
    readonly threshold?: number
    /** Another than the vault. */
    readonly application?: string
    /** True: witnesses are processes of their own, to be killed. */
    readonly processes?: boolean
    /** What the witness of a name runs, when it is not ours. */
    readonly program?: Readonly<Record<string, string>>
  } = {},
): Promise<WitnessedVault> {
  const folder = await temporaryDirectory(test)
  const dir = join(folder, 'data')
  const alone = await openBank(test, { dir, application })
  await alone.close()
  const logVkey = await logVkeyOf(dir)
  const witnesses = await Promise.all(
    names.map((name) =>
      processes || program?.[name] !== undefined
        ? startWitnessProcess(test, folder, name, logVkey, { program: program?.[name] })
        : startWitnessHere(test, folder, name, logVkey),
    ),
  )
  const policy = await writePolicy(folder, logVkey, witnesses, threshold)
  const acknowledgement = { witnessPolicy: policy, ...options }
  const onProblem = (): void => {} // the folder may be gone before the system has closed
  return {
    vault: await openBank(test, { dir, application, acknowledgement, onProblem }),
    witnesses,
    policy,
    logVkey,
    folder,
  }
}
