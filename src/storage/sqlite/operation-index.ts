/**
 * Where an operation's latest record is. The index holds numbers alone: part of a hash of the id, and the position. Ids whose numbers collide take the
 * next free one; the log says which of them is meant.
 */
import { hash } from 'node:crypto'
import type { Hash, OperationId, Position } from '../../model/ids.ts'
import type { StoredOperation } from '../storage.ts'
import type { Database } from './database.ts'

const KEY_DIGITS = 13 // of hex: 52 bits, which a number holds exactly

export function indexOperation(database: Database, operation: OperationId, position: number): void {
  for (let key = keyOf(operation); ; key++) {
    const { changes } = database.sql('INSERT OR IGNORE INTO operation VALUES (?, ?)').run(key, position)
    if (changes === 1) return
    if (entryAt(database, key)?.operation !== operation) continue
    database.run('UPDATE operation SET position = ? WHERE key = ?', position, key)
    return
  }
}

export function findOperation(database: Database, operation: OperationId): StoredOperation | null {
  for (let key = keyOf(operation); ; key++) {
    const entry = entryAt(database, key)
    if (entry === undefined) return null
    if (entry.operation !== operation) continue
    const intentHash = Buffer.from(entry.intent).toString('hex') as Hash
    return { operation, intentHash, position: entry.position as Position }
  }
}

const keyOf = (operation: OperationId): number =>
  Number.parseInt(hash('sha256', operation, 'hex').slice(0, KEY_DIGITS), 16)

function entryAt(
  database: Database,
  key: number,
): { position: number; operation: string; intent: Uint8Array } | undefined {
  const position = database.one<{ position: number }>('SELECT position FROM operation WHERE key = ?', key)?.position
  if (position === undefined) return undefined
  const commit = database.one<{ operation: string; intent: Uint8Array }>(
    'SELECT operation, intent FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1',
    position,
  )
  return commit === undefined ? undefined : { position, operation: commit.operation, intent: commit.intent }
}
