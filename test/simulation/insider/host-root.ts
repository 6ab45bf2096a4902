/**
 * Has the host, every file on it, and the log's key. Every operation was witnessed before it was acknowledged, so whatever he changes of what was
 * acknowledged contradicts what the witnesses have cosigned, and what callers hold.
 */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { NoteSigner } from '../../../src/model/signed-note.ts'
import type { Outcome } from '../../../src/model/operation.ts'
import type { Trust } from '../../../verifier/verify.ts'
import { openBank } from '../../support/bank-system.ts'
import { VAULT, type WitnessedVault } from '../../support/vault-system.ts'
import { checkpointOf, type Raw } from '../../vectors/bundle/forge.ts'
import { integrityCode, type Drill, type Noticed } from './attack.ts'
import { askWitnesses, lastTransaction, reattributed, recordsOf, verdictOf } from './forged.ts'

const INSIDER = 'host root with the key'

/** What was acknowledged, after one operation each: the records, and the witnessed head of its receipt. */
export interface Acknowledged {
  readonly records: readonly Raw[]
  readonly head: string
}

export async function acknowledge({ vault }: WitnessedVault, rounds: number): Promise<readonly Acknowledged[]> {
  const kept: Acknowledged[] = []
  for (let round = 0; round < rounds; round++) {
    const outcome = await vault.do('put', { box: `b${round % 5}` }, { acknowledge: 'witnessed' })
    kept.push({ records: recordsOf(vault.dir), head: headOf(outcome) })
  }
  return kept
}
function headOf(outcome: Outcome): string {
  if (outcome.kind !== 'committed') throw new Error(JSON.stringify(outcome))
  const { proof } = outcome.receipt
  return proof.slice(proof.indexOf('\n\n') + 2)
}

/** He signs himself what he has made of it, and asks the witnesses; and gives it to who has kept the head of a receipt. */
export async function signsAnew(
  drill: Drill,
  { witnesses }: WitnessedVault,
  kept: readonly Acknowledged[],
  key: NoteSigner,
  bare: Trust,
): Promise<void> {
  const now = (kept.at(-1) as Acknowledged).records
  const at = (round: number): Acknowledged => kept[round] as Acknowledged
  const shorter = (round: number): readonly Raw[] => at(round).records.slice(0, -lastTransaction(at(round).records))
  const rewritten = (round: number): readonly Raw[] => reattributed(now, at(round).records.length)
  const trying = (attack: string, attempt: (round: number) => Promise<Noticed | null>): Promise<void> =>
    drill.try(INSIDER, attack, kept.length, attempt)

  // One after the other, at every size that was acknowledged: the witnesses are at the last of them, and further than all others.
  await trying('cuts off what was acknowledged, and signs again', (round) =>
    askWitnesses(witnesses, shorter(round), now.length, 0, key),
  )
  await trying('rewrites what was acknowledged, and signs again', (round) =>
    askWitnesses(witnesses, rewritten(round), now.length, 0, key),
  )
  await trying('rewrites what was acknowledged, goes on from there, and signs again', (round) => {
    const more = now.slice(-lastTransaction(now))
    return askWitnesses(witnesses, [...rewritten(round), ...more], now.length, more.length, key)
  })
  const keeper = (round: number): Trust => ({ ...bare, heads: [at(round).head] })
  const signed = (records: readonly Raw[]): string => checkpointOf(records, key.name, key)
  await trying('cuts off what was acknowledged: a client that kept the head of its receipt', (round) =>
    verdictOf(shorter(round), signed(shorter(round)), keeper(round), ['ROLLBACK']),
  )
  await trying('rewrites what was acknowledged: a client that kept the head of its receipt', (round) =>
    verdictOf(rewritten(round), signed(rewritten(round)), keeper(round), ['EQUIVOCATION']),
  )
  const forged = reattributed(now, now.length - lastTransaction(now))
  await drill.try(INSIDER, 'rewrites the past for who knows the key and nothing else', 1, () =>
    verdictOf(forged, signed(forged), bare, ['INVALID', 'EQUIVOCATION', 'ROLLBACK']),
  )
}

/**
 * He puts the whole machine back, database, seals and signer, to before what was acknowledged, and starts it: real processes throughout. What was
 * there is put back after each try.
 */
export async function putsBack(
  test: TestContext,
  drill: Drill,
  { vault, policy, folder }: WitnessedVault,
  rounds: number,
): Promise<void> {
  const { dir } = vault
  const options = {
    ...{ dir, application: VAULT, acknowledgement: { witnessPolicy: policy }, onProblem: () => {} },
    signer: { kind: 'process' },
  } as const
  const [before, after] = [join(folder, 'before'), join(folder, 'after')]
  const copy = (from: string, to: string): void => {
    rmSync(to, { recursive: true, force: true })
    // A socket is not copied: nobody listens at it any more.
    cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('socket') && !path.endsWith('.sock') })
  }
  await vault.close()
  await drill.try(INSIDER, 'puts the whole machine back to before what was acknowledged', rounds, async (round) => {
    copy(dir, before)
    const honest = await openBank(test, { ...options, acknowledgement: { witnessPolicy: policy, waitMs: 60_000 } })
    headOf(await honest.do('put', { box: `b${round % 5}` }, { acknowledge: 'witnessed' }))
    await honest.close()
    copy(dir, after)
    copy(before, dir)
    try {
      return await untilNoticed()
    } finally {
      copy(after, dir)
    }
  })

  async function untilNoticed(): Promise<Noticed | null> {
    const size = recordsOf(dir).length
    let calls = 0
    let by = 'the start'
    try {
      const restored = await openBank(test, options)
      by = 'a call'
      try {
        while (calls++ < 5) await restored.do('put', { box: 'b1' }, { acknowledge: 'witnessed' })
        return null
      } finally {
        await restored.close()
      }
    } catch (error) {
      const code = integrityCode(error)
      if (code === null) throw error
      return { by: `${by}: ${code}`, records: recordsOf(dir).length - size, calls }
    }
  }
}

/** What was `signed` and not witnessed yet: nobody but its caller can tell. To be done last, since the witnesses take the forged log for the log. */
export async function beforeTheWitnesses(
  drill: Drill,
  { witnesses }: WitnessedVault,
  records: readonly Raw[],
  cosigned: number,
  key: NoteSigner,
  bare: Trust,
): Promise<void> {
  const forged = reattributed(records, records.length)
  const head = checkpointOf(records, key.name, key)
  await drill.try(INSIDER, 'rewrites what was only signed: a client that kept the head of its receipt', 1, () =>
    verdictOf(forged, checkpointOf(forged, key.name, key), { ...bare, heads: [head] }, ['EQUIVOCATION']),
  )
  await drill.try(INSIDER, 'rewrites what was only signed, before the witnesses have seen it: the witnesses', 1, () =>
    askWitnesses(witnesses, forged, cosigned, forged.length - cosigned, key),
  )
}
