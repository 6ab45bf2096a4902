/** A log that a whole system has written: imports nothing, forges nothing. Held, refused, transferred and paid out, so that every kind of record is in it. */
import type { TestContext } from 'node:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Position } from '../../../src/model/ids.ts'
import { openSqliteReader } from '../../../src/storage/sqlite/reader.ts'
import type { NoteSigner } from '../../../src/model/signed-note.ts'
import { HEADS } from '../../../src/engine/heads/statement.ts'
import { openBank } from '../../support/bank-system.ts'
import { stolenKey } from '../../support/log-key.ts'
import type { Raw } from './forge.ts'

export interface SampleLog {
  readonly origin: string
  readonly records: readonly Raw[]
  /** What the system itself had signed at its end. */
  readonly checkpoint: string
  readonly vkey: string
  readonly signer: NoteSigner
  readonly dir: string
}

async function headsStated(dir: string): Promise<number> {
  const reader = openSqliteReader(dir)
  const { version } = reader.streamHead(HEADS)
  reader.close()
  return version
}

/** @param operations about so many, each of one to four records */
export async function sampleLog(test: TestContext, operations: number): Promise<SampleLog> {
  const bank = await openBank(test)
  const accounts = ['a', 'b', 'ç/1']
  for (const account of accounts) await bank.do('open_account', { account, owner: `owner "${account}"` }, { run: 'run-1' })
  for (const account of accounts) await bank.do('deposit', { account, amount: 1_000_000 })
  await bank.do('withdraw', { account: 'a', amount: 200_000 }, { run: 'run-2' }) // held
  for (let step = accounts.length; step < operations; step++) {
    const [from, to] = [accounts[step % 3] as string, accounts[(step + 1) % 3] as string]
    if (step % 4 === 0) await bank.do('withdraw', { account: from, amount: 1 }, { run: `run-${step}` })
    else await bank.do('transfer', { from, to, amount: 5 })
  }
  // One statement of stream heads, behind all of it.
  const stating = await bank.again({ heads: { everyMs: 20, everyRecords: 1_000_000 } })
  while ((await headsStated(stating.dir)) === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  await stating.close()
  const reader = openSqliteReader(bank.dir)
  try {
    const { treeSize } = reader.head()
    const sent = reader.effects(-1 as Position, 1_000_000)
    const records = reader.records(0 as Position, treeSize).map(({ position, line, payload }) => ({
      ...{ line, payload },
      effects: sent.filter((effect) => effect.position === position).map((effect) => effect.payload),
    }))
    const checkpoint = reader.meta('checkpoint') ?? ''
    const origin = checkpoint.slice(0, checkpoint.indexOf('\n'))
    const vkey = readFileSync(join(bank.dir, 'log.vkey'), 'utf8').trim()
    return { origin, records, checkpoint, vkey, signer: stolenKey(bank.dir), dir: bank.dir }
  } finally {
    reader.close()
  }
}
