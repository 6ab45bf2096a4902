/**
 * Keys of data subjects, in a file of their own beside the log: `subject-keys.db`, wrapped under `subject-keys.key`. Both may lie elsewhere, and
 * must stay out of backups that are kept for long: a copy of them brings back what was erased.
 *
 * K1 A key that is handed out is durable: no commit rests on one that a crash could lose.
 * K2 Destroying overwrites, truncates the journal, and is durable when it returns. What stays is that the key was, and which record erased it.
 * K3 What is destroyed comes back by no call. A store rolled back to before an erasure is found out from the log, which names the keys.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { base32 } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import { hmacSha256 } from './hkdf.ts'
import type { Standing } from './documents.ts'
import type { SubjectKey } from './seal.ts'

export const KEY_STORE_FILE = 'subject-keys.db'
export const WRAPPING_KEY_FILE = 'subject-keys.key'

const CACHED_MAX = 50_000 // keys at hand, of each kind of lookup; about 15 MB
const IV_BYTES = 12

const SCHEMA = `
CREATE TABLE IF NOT EXISTS key(
  kid TEXT PRIMARY KEY, tenant TEXT NOT NULL, subject TEXT NOT NULL, wrapped BLOB, erased INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS key_subject ON key(subject, tenant);
CREATE INDEX IF NOT EXISTS key_erased ON key(erased) WHERE erased IS NOT NULL;
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
`

interface Row {
  readonly kid: string
  readonly tenant: string
  readonly subject: string
  readonly wrapped: Uint8Array | null
  readonly erased: number | null
}

export interface KeyName {
  readonly kid: string
  readonly tenant: string
  readonly subject: string
}

export class KeyStore {
  readonly #database: DatabaseSync
  readonly #wrapping: Buffer
  readonly #statements = new Map<string, StatementSync>()
  readonly #standings = new Map<string, Standing>()
  readonly #live = new Map<string, SubjectKey | null>()
  #creating: { tenant: string; subject: string; promise: Promise<SubjectKey> }[] = []
  #flush: Promise<void> | null = null
  #blind: Buffer | null = null
  readonly #retired = new Map<string, number>()

  private constructor(database: DatabaseSync, wrapping: Buffer) {
    this.#database = database
    this.#wrapping = wrapping
  }

  /** @throws `storage-damaged` when the wrapping key is not there or is another one */
  static open(path: string, wrappingPath: string, mode: 'write' | 'read'): KeyStore {
    if (mode === 'read') {
      const reading = new KeyStore(new DatabaseSync(path, { readOnly: true }), readWrapping(wrappingPath))
      reading.#blindKey()
      return reading
    }
    const isNew = !existsSync(path)
    if (!isNew && !existsSync(wrappingPath))
      throw problem('storage-damaged', `\`${wrappingPath}\`, which opens \`${path}\`, is missing`)
    if (!existsSync(wrappingPath))
      writeFileSync(wrappingPath, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flush: true })
    const wrapping = readWrapping(wrappingPath)
    const database = new DatabaseSync(path, { timeout: 5_000 })
    chmodSync(path, 0o600)
    database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY')
    database.exec(SCHEMA)
    const store = new KeyStore(database, wrapping)
    if (isNew) store.#newBlind()
    store.#blindKey()
    return store
  }

  standing(kid: string): Standing {
    const known = this.#standings.get(kid)
    if (known !== undefined) return known
    const row = this.#one<Row>('SELECT * FROM key WHERE kid = ?', kid)
    if (row === undefined) return { kind: 'missing' } // not remembered: whatever brings the store back is seen at once
    if (row.wrapped !== null && row.erased !== null)
      throw problem('storage-damaged', `the key store says of \`${kid}\` that it was destroyed, and holds it`)
    const standing: Standing =
      row.wrapped === null
        ? { kind: 'erased', position: row.erased ?? -1 }
        : { kind: 'live', key: this.#unwrap(row, row.wrapped) }
    bounded(this.#standings).set(kid, standing)
    return standing
  }

  /** The key that new data of a subject goes under; null when it has none. */
  live(tenant: string, subject: string): SubjectKey | null {
    const name = nameOf(tenant, subject)
    const known = this.#live.get(name)
    if (known !== undefined) return known
    const row = this.#all<Row>(
      'SELECT * FROM key WHERE subject = ? AND tenant = ? AND wrapped IS NOT NULL ORDER BY kid',
      subject,
      tenant,
    ).find(({ kid }) => !this.#retired.has(kid))
    const key = row?.wrapped == null ? null : this.#unwrap(row, row.wrapped)
    bounded(this.#live).set(name, key)
    return key
  }

  /** Every key of a subject that is not destroyed. */
  keysOf(tenant: string, subject: string): readonly string[] {
    return this.#all<{ kid: string }>(
      'SELECT kid FROM key WHERE subject = ? AND tenant = ? AND wrapped IS NOT NULL ORDER BY kid',
      subject,
      tenant,
    ).map(({ kid }) => kid)
  }

  name(kid: string): KeyName | null {
    return this.#one<Row>('SELECT kid, tenant, subject, NULL AS wrapped, erased FROM key WHERE kid = ?', kid) ?? null
  }

  /** A key for a subject that has none; durable when it resolves. Those asked for at one time become durable together. */
  create(tenant: string, subject: string): Promise<SubjectKey> {
    const waiting = this.#creating.find((one) => one.tenant === tenant && one.subject === subject)
    if (waiting !== undefined) return waiting.promise
    this.#flush ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#write())
    const promise = this.#flush.then(() => {
      const key = this.live(tenant, subject)
      if (key === null) throw problem('storage-unavailable', 'the key of a data subject could not be written')
      return key
    })
    this.#creating.push({ tenant, subject, promise })
    return promise
  }

  #write(): void {
    const wanted = this.#creating
    this.#creating = []
    this.#flush = null
    try {
      this.#transaction(() => {
        for (const { tenant, subject } of wanted) {
          const name = { kid: `k_${base32(randomBytes(16))}`, tenant, subject }
          this.#run('INSERT INTO key VALUES (?, ?, ?, ?, NULL)', name.kid, tenant, subject, this.#wrap(name))
        }
      })
    } catch (error) {
      throw problem(
        'storage-unavailable',
        'the keys of data subjects could not be written; nothing else was',
        {},
        error,
      )
    } finally {
      for (const { tenant, subject } of wanted) this.#live.delete(nameOf(tenant, subject))
    }
  }

  /** Keys under erasure, each by the position of its record: to whoever reads and writes gone already, while what rests on them is made anew. */
  get retired(): ReadonlyMap<string, number> {
    return this.#retired
  }
  retire(names: readonly KeyName[], position: number): void {
    for (const { kid, tenant, subject } of names) {
      this.#retired.set(kid, position)
      this.#live.delete(nameOf(tenant, subject))
    }
  }

  /** Destroys keys, wherever they stand; those that are not here are noted as erased. Durable when it returns (K2). */
  destroy(names: readonly KeyName[], position: number): void {
    this.#transaction(() => {
      for (const { kid, tenant, subject } of names) {
        this.#run('UPDATE key SET wrapped = zeroblob(length(wrapped)) WHERE kid = ? AND wrapped IS NOT NULL', kid)
        this.#run(
          'INSERT INTO key VALUES (?, ?, ?, NULL, ?) ON CONFLICT(kid) DO UPDATE SET wrapped = NULL, erased = excluded.erased',
          kid,
          tenant,
          subject,
          position,
        )
      }
    })
    const { busy } = this.#one<{ busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)') as { busy: number }
    if (busy !== 0)
      throw problem('storage-unavailable', 'the journal of the key store is in use: keys may still be in it')
    for (const { kid, tenant, subject } of names) {
      const known = this.#standings.get(kid)
      if (known?.kind === 'live') known.key.secret.fill(0)
      this.#standings.delete(kid)
      this.#live.delete(nameOf(tenant, subject))
      this.#retired.delete(kid)
    }
  }

  /** Keys that are destroyed, after this one, in order. */
  erased(after: string, limit: number): readonly string[] {
    return this.#all<{ kid: string }>(
      'SELECT kid FROM key WHERE erased IS NOT NULL AND wrapped IS NULL AND kid > ? ORDER BY kid LIMIT ?',
      after,
      limit,
    ).map(({ kid }) => kid)
  }

  get isEmpty(): boolean {
    return this.#one('SELECT 1 FROM key LIMIT 1') === undefined
  }

  /** What stands for a personal value in an index: equal for equal values, and says nothing without this store. */
  blinded(model: string, column: string, value: string): string {
    const mac = hmacSha256(this.#blindKey(), Buffer.from(`${model}\0${column}\0${value}`))
    return `~${mac.subarray(0, 18).toString('base64url')}`
  }

  close(): void {
    this.#statements.clear()
    for (const standing of this.#standings.values()) if (standing.kind === 'live') standing.key.secret.fill(0)
    for (const key of this.#live.values()) key?.secret.fill(0)
    this.#database.close()
  }

  #newBlind(): void {
    this.#run("INSERT INTO meta VALUES ('blind', ?)", this.#wrap({ kid: 'blind', tenant: '', subject: '' }))
  }
  #blindKey(): Buffer {
    if (this.#blind !== null) return this.#blind
    const row = this.#one<{ value: Uint8Array }>("SELECT value FROM meta WHERE name = 'blind'")
    if (row === undefined) throw problem('storage-damaged', 'the key store lacks the key of its indexes')
    return (this.#blind = this.#unwrap({ kid: 'blind', tenant: '', subject: '' }, row.value).secret)
  }

  #wrap(name: KeyName): Buffer {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#wrapping, iv)
    cipher.setAAD(Buffer.from(JSON.stringify([name.kid, name.tenant, name.subject])))
    return Buffer.concat([iv, cipher.update(randomBytes(32)), cipher.final(), cipher.getAuthTag()])
  }

  #unwrap({ kid, tenant, subject }: KeyName, wrapped: Uint8Array): SubjectKey {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#wrapping, wrapped.subarray(0, IV_BYTES))
      decipher.setAAD(Buffer.from(JSON.stringify([kid, tenant, subject])))
      decipher.setAuthTag(wrapped.subarray(-16))
      const secret = Buffer.concat([decipher.update(wrapped.subarray(IV_BYTES, -16)), decipher.final()])
      return { kid, tenant, subject, secret }
    } catch (error) {
      throw problem('storage-damaged', `the wrapping key does not open \`${kid}\` of the key store`, {}, error)
    }
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (statement === undefined) this.#statements.set(text, (statement = this.#database.prepare(text)))
    return statement
  }
  #one<Result>(text: string, ...values: SQLInputValue[]): Result | undefined {
    return this.#sql(text).get(...values) as Result | undefined
  }
  #all<Result>(text: string, ...values: SQLInputValue[]): Result[] {
    return this.#sql(text).all(...values) as Result[]
  }
  #run(text: string, ...values: SQLInputValue[]): void {
    this.#sql(text).run(...values)
  }
}

const nameOf = (tenant: string, subject: string): string => JSON.stringify([tenant, subject])

function bounded<Value>(map: Map<string, Value>): Map<string, Value> {
  if (map.size >= CACHED_MAX) map.clear()
  return map
}

function readWrapping(path: string): Buffer {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw problem('storage-damaged', `\`${path}\`, which opens the key store, cannot be read`, {}, error)
  }
  if (!/^[0-9a-f]{64}$/.test(text)) throw problem('storage-damaged', `\`${path}\` is not a wrapping key`)
  return Buffer.from(text, 'hex')
}
