/**
 * Insiders, each with what he has, each trying what he could: on a running log, with witnesses that are processes of their own and a signer that is one.
 * For every attack: what noticed it, after how many records and how long; and where nothing can, that nothing did.
 */
import { copyFileSync, cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import type { Position, StreamId } from '../../src/model/ids.ts'
import { leafHash } from '../../src/model/merkle.ts'
import { Problem } from '../../src/model/problems.ts'
import type { NoteSigner } from '../../src/model/signed-note.ts'
import { openSqliteAuditReader, openSqliteReader } from '../../src/storage/sqlite/reader.ts'
import { checkpointText, parseCheckpointText } from '../../src/transparency-log/checkpoint.ts'
import { consistencyProof } from '../../src/transparency-log/proofs.ts'
import { SignerClient } from '../../src/transparency-log/signer/signer-client.ts'
import { startSigner } from '../../src/transparency-log/signer/signer-process.ts'
import { Tree } from '../../src/transparency-log/tree.ts'
import { formatAddCheckpoint } from '../../src/transparency-log/witness/add-checkpoint.ts'
import { parsePolicy, type Trust } from '../../verifier/verify.ts'
import type { Bank } from '../support/bank-system.ts'
import { stolenKey } from '../support/log-key.ts'
import { openVault, VAULT } from '../support/vault-system.ts'
import type { Witness } from '../support/witnesses.ts'
import { openBank } from '../support/bank-system.ts'
import {
  bundleOf,
  checkpointOf,
  keyOf,
  rootOf,
  verifyBytes,
  Witness as Colluding,
  type Raw,
} from '../vectors/bundle/forge.ts'

export interface Attack {
  readonly insider: string
  readonly attack: string
  readonly tried: number
  readonly noticed: number
  /** '' when nothing can notice it. */
  readonly by: string
  /** Records that were committed between the attack and when it was noticed. */
  readonly records: number
  /** Longest, over the tries. */
  readonly ms: number
}
type Noticed = string | null

const NEVER = new AbortController().signal

export async function insiderDrill(test: TestContext, rounds: number): Promise<readonly Attack[]> {
  const attacks: Attack[] = []
  const tried = async (
    insider: string,
    attack: string,
    tries: number,
    attempt: (round: number) => Promise<Noticed> | Noticed,
  ): Promise<void> => {
    const by = new Set<string>()
    let noticed = 0
    let ms = 0
    for (let round = 0; round < tries; round++) {
      const from = performance.now()
      const found = await attempt(round)
      ms = Math.max(ms, performance.now() - from)
      if (found !== null) by.add(found)
      if (found !== null) noticed++
    }
    attacks.push({ insider, attack, tried: tries, noticed, by: [...by].join('; '), records: 0, ms: Math.ceil(ms) })
  }

  const { vault, witnesses, logVkey, folder } = await openVault(test, {
    names: ['one', 'two', 'three'],
    threshold: 2,
    processes: true,
  })
  const key = stolenKey(vault.dir)
  const bare: Trust = { logs: [keyOf(key)], policy: null, heads: [] }

  // Every operation is witnessed before it is acknowledged; then the log is rewritten under it, and signed with its own key.
  const kept: { readonly records: readonly Raw[]; readonly head: string }[] = []
  for (let round = 0; round < rounds; round++) {
    const outcome = await vault.do('put', { box: `b${round % 5}` }, { acknowledge: 'witnessed' })
    if (outcome.kind !== 'committed') throw new Error(`round ${round}: ${JSON.stringify(outcome)}`)
    const { proof } = outcome.receipt
    kept.push({ records: recordsOf(vault.dir), head: proof.slice(proof.indexOf('\n\n') + 2) })
    if (round !== rounds - 1) continue
    const now = (): readonly Raw[] => (kept.at(-1) as { records: readonly Raw[] }).records
    // One after the other, at every size that was acknowledged: the witnesses are at the last of them, and further than all others.
    await tried('host root with the key', 'cuts off what was acknowledged, and signs again', rounds, async (r) => {
      const { records } = kept[r] as (typeof kept)[number]
      return await askWitnesses(witnesses, records.slice(0, -lastTransaction(records)), now().length, key)
    })
    await tried('host root with the key', 'rewrites what was acknowledged, and signs again', rounds, async (r) => {
      const { records } = kept[r] as (typeof kept)[number]
      return await askWitnesses(witnesses, reattributed(now(), records.length), now().length, key)
    })
    await tried(
      'host root with the key',
      'rewrites what was acknowledged, goes on from there, and signs again',
      rounds,
      async (r) => {
        const { records } = kept[r] as (typeof kept)[number]
        const grown = [...reattributed(now(), records.length), ...now().slice(-lastTransaction(now()))]
        return await askWitnesses(witnesses, grown, now().length, key)
      },
    )
    await tried(
      'host root with the key',
      'cuts off what was acknowledged: a client that kept the head of its receipt',
      rounds,
      async (r) => {
        const { records, head } = kept[r] as (typeof kept)[number]
        return await verdictOf(records.slice(0, -lastTransaction(records)), key, { ...bare, heads: [head] }, [
          'ROLLBACK',
        ])
      },
    )
    await tried(
      'host root with the key',
      'rewrites what was acknowledged: a client that kept the head of its receipt',
      rounds,
      async (r) => {
        const { records, head } = kept[r] as (typeof kept)[number]
        return await verdictOf(reattributed(now(), records.length), key, { ...bare, heads: [head] }, ['EQUIVOCATION'])
      },
    )
    await tried('host root with the key', 'rewrites the past for who knows the key and nothing else', 1, () =>
      verdictOf(reattributed(now(), now().length - 2), key, bare, ['INVALID', 'EQUIVOCATION', 'ROLLBACK']),
    )
  }
  const records = (kept.at(-1) as { records: readonly Raw[] }).records

  // Witnesses that sign whatever they are shown, two of three: the policy is met. Who kept a head is not convinced; nor is one of a stricter policy.
  const colluding = [new Colluding('witness-1.example'), new Colluding('witness-2.example')]
  const [first, second] = colluding as [Colluding, Colluding]
  const honest = new Colluding('witness-3.example')
  const policyOf = (threshold: number) =>
    parsePolicy(
      `log ${logVkey}\nwitness a ${first.vkey}\nwitness b ${second.vkey}\nwitness c ${honest.vkey}\ngroup g ${threshold} a b c\nquorum g\n`,
    )
  const forged = reattributed(records, records.length - 2)
  const collude = async (trust: Trust, wanted: readonly string[]): Promise<Noticed> => {
    const { verdict } = verifyBytes(await bundleOf(forged, checkpointOf(forged, key.name, key, colluding)), trust)
    return wanted.includes(verdict) ? `verifier: ${verdict}` : null
  }
  const head = (kept.at(-1) as { head: string }).head
  await tried(
    'witnesses, two of three, with the operator',
    'cosign a rewritten past: a policy of two of three alone',
    1,
    () => collude({ ...bare, policy: policyOf(2) }, ['INVALID', 'EQUIVOCATION', 'ROLLBACK', 'INSUFFICIENT']),
  )
  await tried(
    'witnesses, two of three, with the operator',
    'cosign a rewritten past: a policy of three of three',
    1,
    () => collude({ ...bare, policy: policyOf(3) }, ['INSUFFICIENT']),
  )
  await tried(
    'witnesses, two of three, with the operator',
    'cosign a rewritten past: a client that kept a head',
    1,
    () => collude({ ...bare, policy: policyOf(2), heads: [head] }, ['EQUIVOCATION']),
  )

  await operator(tried, records, key, bare)
  await vault.close()
  await databaseAdministrator(test, tried, vault, folder)
  await runtimeRoot(tried, vault, records, key)
  return attacks
}

type Tried = (
  insider: string,
  attack: string,
  tries: number,
  attempt: (round: number) => Promise<Noticed> | Noticed,
) => Promise<void>

/** Has everything of his own organisation: key, host, database. What he gives out is checked by who has seen something of it before. */
async function operator(tried: Tried, records: readonly Raw[], key: NoteSigner, bare: Trust): Promise<void> {
  await tried('operator', 'shows two customers two histories: they compare their heads', 1, async () => {
    const head = checkpointOf(records, key.name, key)
    return await verdictOf(reattributed(records, records.length), key, { ...bare, heads: [head] }, ['EQUIVOCATION'])
  })
  await tried('operator', 'invents an operation at the head', 1, async () => {
    // True to form: nothing contradicts it but the world, and whoever should have asked for it.
    const verdict = await verdictOf(records, key, bare, ['INVALID'])
    return verdict
  })
}

/** Writes `data.db`, and reads neither `rows.key` nor the log's key. */
async function databaseAdministrator(test: TestContext, tried: Tried, vault: Bank, folder: string): Promise<void> {
  let copies = 0
  const edited = (work: (database: DatabaseSync) => void): string => {
    const dir = join(folder, `edited-${copies++}`)
    mkdirSync(dir)
    for (const file of ['data.db', 'data.db-wal', 'rows.key']) copyIfThere(join(vault.dir, file), join(dir, file))
    const database = new DatabaseSync(join(dir, 'data.db'))
    database.exec('DROP TRIGGER log_stays; DROP TRIGGER log_kept')
    work(database)
    database.close()
    return dir
  }
  const atNextUse = (dir: string, use: (reader: ReturnType<typeof openSqliteReader>) => void): Noticed => {
    const reader = openSqliteReader(dir)
    try {
      use(reader)
      return null
    } catch (error) {
      return error instanceof Problem && error.code === 'storage-damaged' ? 'next read: storage-damaged' : null
    } finally {
      reader.close()
    }
  }
  const box = 'box/b1' as StreamId
  const all = (reader: ReturnType<typeof openSqliteReader>): void => void reader.records(0 as Position, 1_000_000)
  const insider = 'administrator of the database'
  await tried(insider, 'edits a record', 1, () =>
    atNextUse(
      edited((db) => db.exec(`UPDATE log SET body = replace(body, '"actor":"agent"', '"actor":"eve00"')`)),
      all,
    ),
  )
  await tried(insider, 'edits a record and its leaf', 1, () =>
    atNextUse(
      edited((db) =>
        db.exec(`UPDATE log SET leaves = zeroblob(length(leaves)) WHERE first = 10 OR first = 11 OR first = 12`),
      ),
      all,
    ),
  )
  await tried(insider, 'adds a record', 1, () =>
    atNextUse(
      edited((db) =>
        db.exec(
          'INSERT INTO log SELECT first + count, count, at, operation, intent, leaves, sizes, body, seal FROM log ORDER BY first DESC LIMIT 1',
        ),
      ),
      (reader) => void reader.records(reader.head().position, 10),
    ),
  )
  await tried(insider, 'cuts off the log’s end, rows and head', 1, () =>
    atNextUse(
      edited((db) => db.exec('DELETE FROM log WHERE first > 20; UPDATE head SET position = 20, size = 21')),
      (reader) => void reader.head(),
    ),
  )
  await tried(insider, 'moves an event in the index of its stream', 1, () =>
    atNextUse(
      edited((db) =>
        db.exec('UPDATE event_new SET version = version + 1 WHERE version = (SELECT max(version) FROM event_new)'),
      ),
      (reader) => {
        for (let i = 0; i < 5; i++) reader.streamHead(`box/b${i}` as StreamId)
      },
    ),
  )
  await tried(insider, 'puts the whole database back to an earlier state', 1, async () => {
    const dir = join(folder, 'put-back')
    cpSync(vault.dir, dir, { recursive: true })
    const again = await openBank(test, { dir, application: VAULT })
    await again.do('put', { box: 'b1' })
    await again.close()
    for (const file of ['data.db', 'data.db-wal', 'data.db-shm'])
      copyIfThere(join(vault.dir, file), join(dir, file), true)
    try {
      const restored = await openBank(test, { dir, application: VAULT })
      await restored.do('put', { box: 'b2' })
      await restored.close()
      return null
    } catch (error) {
      return error instanceof Problem ? `signer, at the next start or commit: ${error.code}` : null
    }
  })
  await tried(insider, 'cuts off the end of one stream in its index', 1, () => {
    const dir = edited((db) =>
      db.exec(
        `DELETE FROM event_new WHERE version = (SELECT max(version) FROM event_new WHERE stream = (SELECT no FROM stream WHERE id = '${box}'))`,
      ),
    )
    const reader = openSqliteAuditReader(dir)
    const { events } = reader.audit(reader.head().position)
    const lines = reader.records(0 as Position, 1_000_000).filter(({ line }) => line.includes('"kind":"event"')).length
    reader.close()
    return events.count === lines ? null : 'plinth verify: the index of events is not that of the records'
  })
}

/** Runs as the runtime: asks the signer whatever it likes. */
async function runtimeRoot(tried: Tried, vault: Bank, records: readonly Raw[], key: NoteSigner): Promise<void> {
  const signer = await startSigner({
    dir: join(vault.dir, 'signer'),
    origin: key.name,
    onProblem: () => {},
  } as Parameters<typeof startSigner>[0])
  const client = new SignerClient(signer.socket)
  try {
    const standing = await client.claim(NEVER)
    const now = recordsOf(vault.dir)
    const ask = async (forged: readonly Raw[]): Promise<Noticed> => {
      const tree = treeOf(forged)
      const body = checkpointText({ origin: key.name, size: forged.length, rootHash: rootOf(forged) })
      const proof = forged.length > standing.size ? consistencyProof(tree, standing.size, forged.length) : []
      try {
        const answer = await client.sign(
          { epoch: standing.epoch, oldSize: standing.size, proof, body, keyRecord: null },
          NEVER,
        )
        return answer.kind === 'signed' ? null : `signer: ${answer.kind}`
      } catch (error) {
        return error instanceof Problem ? `signer: ${error.code}` : null
      }
    }
    const insider = 'root of the runtime'
    await tried(insider, 'has a shorter log signed', 1, () => ask(now.slice(0, -lastTransaction(now))))
    await tried(insider, 'has another log of the same size signed', 1, () => ask(reattributed(now, now.length)))
    await tried(insider, 'has a rewritten past signed, with a proof of its own', 1, () =>
      ask([...reattributed(now, now.length - 2), ...now.slice(-lastTransaction(now))]),
    )
    await tried(insider, 'has records appended that nobody asked for', 1, () =>
      ask([...now, ...records.slice(-lastTransaction(records))]),
    )
  } finally {
    await client.close()
    await signer.close()
  }
}

/** As the log, to every witness: null when enough of them cosign. */
async function askWitnesses(
  witnesses: readonly Witness[],
  forged: readonly Raw[],
  at: number,
  key: NoteSigner,
): Promise<Noticed> {
  const note = checkpointOf(forged, key.name, key)
  const tree = treeOf(forged)
  const { size } = parseCheckpointText(note.slice(0, note.lastIndexOf('\n\n') + 1))
  const oldSize = Math.min(at, size)
  const body = formatAddCheckpoint({ oldSize, proof: consistencyProof(tree, oldSize, size), note })
  const answers = await Promise.all(
    witnesses.map(({ url }) => fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, { method: 'POST', body })),
  )
  const refused = answers.filter(({ status }) => status === 409 || status === 422)
  await Promise.all(answers.map((answer) => answer.text()))
  return refused.length > witnesses.length - 2
    ? `${refused.length} of ${witnesses.length} witnesses refuse (${[...new Set(refused.map(({ status }) => status))].join(', ')})`
    : null
}

async function verdictOf(
  forged: readonly Raw[],
  key: NoteSigner,
  trust: Trust,
  wanted: readonly string[],
): Promise<Noticed> {
  const { verdict } = verifyBytes(await bundleOf(forged, checkpointOf(forged, key.name, key)), trust)
  return wanted.includes(verdict) ? `verifier: ${verdict}` : null
}

function recordsOf(dir: string): readonly Raw[] {
  const reader = openSqliteAuditReader(dir)
  const effects = reader.effects(-1 as Position, 1_000_000)
  const records = reader.records(0 as Position, reader.head().treeSize).map(({ position, line, payload }) => ({
    ...{ line, payload },
    effects: effects.filter((effect) => effect.position === position).map((effect) => effect.payload),
  }))
  reader.close()
  return records
}
function treeOf(records: readonly Raw[]): Tree {
  const tiles = new Map<string, Uint8Array>()
  const tree = Tree.restore(0, (level, index) => tiles.get(`${level}/${index}`) as Uint8Array, [])
  for (const { line } of records) {
    tree.append(leafHash(line))
    for (const { level, index, hashes } of tree.takeFullTiles()) tiles.set(`${level}/${index}`, hashes)
  }
  return tree
}
const lastTransaction = (records: readonly Raw[]): number =>
  Number(/"tx":\{"i":\d+,"n":(\d+)\}/.exec(records.at(-1)?.line ?? '')?.[1])

/** The transaction that ends before a size, said to be of somebody else; all links made anew. */
function reattributed(records: readonly Raw[], size: number): readonly Raw[] {
  const n = lastTransaction(records.slice(0, size))
  const heads = new Map<string, string>()
  return records.map((record, place) => {
    let line =
      place >= size - n && place < size ? record.line.replace(/"tenant":"[^"]*"/, '"tenant":"another"') : record.line
    const stream = /"stream":("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
    if (stream !== undefined) {
      line = line.replace(/"prev":"[0-9a-f]*"/, `"prev":"${heads.get(stream) ?? ''}"`)
      heads.set(stream, leafHash(line))
    }
    return { ...record, line }
  })
}
function copyIfThere(from: string, to: string, replace = false): void {
  try {
    copyFileSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    if (replace) cpSync('/dev/null', to, { force: true })
  }
}
