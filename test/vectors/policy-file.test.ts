/** Policies of the peers (`PLINTH_TRUST_VECTORS`, default `../shared/data/trust-vectors`), skipped loudly where they are not. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatVerifierKey, noteVerifier } from '../../src/model/signed-note.ts'
import { cosignatureVerifier, formatCosignatureKey } from '../../src/transparency-log/cosignature.ts'
import { judgeCheckpoint } from '../../src/transparency-log/policy-file-quorum.ts'
import { quorumSafety } from '../../src/transparency-log/policy-file-safety.ts'
import { parsePolicyFile } from '../../src/transparency-log/policy-file.ts'

const folder = process.env['PLINTH_TRUST_VECTORS'] ?? join(import.meta.dirname, '../../../shared/data/trust-vectors')
const peers = (name: string, body: () => void): void => {
  const path = join(folder, name)
  test(`vectors of peers: ${name}`, { skip: existsSync(path) ? false : `NOT CHECKED: ${path} is not there` }, body)
}
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8')

peers('sample-log', () => {
  const policy = parsePolicyFile(text('sample-log', 'policy'))
  const found = judgeCheckpoint(policy, text('sample-log', 'checkpoint'))
  assert.deepEqual([found.verdict.kind, found.checkpoint.size], ['satisfied', 600])
  assert.throws(() => judgeCheckpoint(policy, text('sample-log', 'checkpoint').replace('\n600\n', '\n601\n')))
})

peers('tlog-policy-sigsum', () => {
  // Known difference: those files write bare keys in hex, with the log's origin derived from the key; here they are turned into vkeys.
  const publicKey = (hex: string) =>
    createPublicKey({ key: Buffer.from(`302a300506032b6570032100${hex}`, 'hex'), format: 'der', type: 'spki' })
  const withVkeys = (line: string): string =>
    line
      .replace(/^log ([0-9a-f]{64})/, (_, key: string) => `log ${formatVerifierKey(noteVerifier(key.slice(0, 8), publicKey(key)))}`)
      .replace(/^(witness (\S+)\s+)([0-9a-f]{64})/, (_, start: string, name: string, key: string) =>
        `${start}${formatCosignatureKey(cosignatureVerifier(name, publicKey(key)))}`)
  const expected: Readonly<Record<string, readonly [witnesses: number, live: number, safe: number]>> = {
    'sigsum-generic-2025-1.builtin-policy': [3, 1, 0],
    'sigsum-test-2025-3.builtin-policy': [8, 2, 1],
    'sigsum-test1-2025.builtin-policy': [3, 1, 0],
    'sigsum-test2-2025.builtin-policy': [7, 1, 2],
  }
  const files = readdirSync(join(folder, 'tlog-policy-sigsum')).sort()
  assert.deepEqual(files, Object.keys(expected))
  for (const file of files) {
    const source = text('tlog-policy-sigsum', file)
    assert.throws(() => parsePolicyFile(source), { name: 'PolicyFileError' })
    const policy = parsePolicyFile(source.split('\n').map(withVkeys).join('\n'))
    const { liveWithDown, safeWithMalicious } = quorumSafety(policy)
    assert.deepEqual([policy.witnesses.length, liveWithDown, safeWithMalicious], expected[file], file)
  }
})
