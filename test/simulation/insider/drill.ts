/**
 * Insiders, each with what he has, each trying what he could: on a running log, with witnesses that are processes of their own and a signer that is one.
 * For every attack: what noticed it, after how many records, calls and how long; and where nothing can, that nothing did.
 */
import type { TestContext } from 'node:test'
import type { Trust } from '../../../verifier/verify.ts'
import { stolenKey } from '../../support/log-key.ts'
import { openVault } from '../../support/vault-system.ts'
import { keyOf } from '../../vectors/bundle/forge.ts'
import { Drill, type Attack } from './attack.ts'
import { editsTheDatabase } from './database.ts'
import { recordsOf } from './forged.ts'
import { acknowledge, beforeTheWitnesses, putsBack, signsAnew, type Acknowledged } from './host-root.ts'
import { operates } from './operator.ts'
import { asksTheSigner } from './runtime-root.ts'
import { collude } from './witnesses.ts'

const PATIENCE_MS = 60_000 // what is asked for as witnessed must be, also on a busy machine

/**
 * @param rounds how often each attack on what was witnessed is tried
 * @param sampled a short run: few restarts of everything, and some of the edits of a database, picked by the seed
 */
export async function insiderDrill(test: TestContext, rounds: number, sampled: boolean): Promise<readonly Attack[]> {
  const drill = new Drill()
  const witnessed = await openVault(test, {
    names: ['one', 'two', 'three'],
    threshold: 2,
    processes: true,
    waitMs: PATIENCE_MS,
  })
  const { vault, logVkey } = witnessed
  const key = stolenKey(vault.dir)
  const bare: Trust = { logs: [keyOf(key)], policy: null, heads: [] }

  const kept = await acknowledge(witnessed, rounds)
  const { records, head } = kept.at(-1) as Acknowledged
  await signsAnew(drill, witnessed, kept, key, bare)
  await putsBack(test, drill, witnessed, sampled ? 1 : rounds)
  const now = recordsOf(vault.dir)
  await asksTheSigner(drill, vault.dir, key)
  await operates(test, drill, records, key, bare)
  await collude(drill, records, head, key, logVkey, bare)
  await editsTheDatabase(test, drill, sampled ? 7 : 1)
  const more = now.slice(-2)
  await beforeTheWitnesses(drill, witnessed, [...now, ...more], now.length, key, bare)
  return drill.attacks
}
