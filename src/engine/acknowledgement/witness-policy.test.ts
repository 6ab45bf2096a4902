import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Problem } from '../../model/problems.ts'
import { formatVerifierKey, noteSigner } from '../../model/signed-note.ts'
import { cosignatureSigner, formatCosignatureKey } from '../../transparency-log/cosignature.ts'
import { readWitnessPolicy } from './witness-policy.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-policy-'))
after(() => rmSync(folder, { recursive: true }))
const key = () => generateKeyPairSync('ed25519').privateKey
const log = noteSigner('log.example/shop', key())
const other = noteSigner('log.example/shop', key())
const witness = (name: string, url = `http://${name}.example`): string =>
  `witness ${name} ${formatCosignatureKey(cosignatureSigner(`w.example/${name}`, key()))} ${url}`

function read(...lines: string[]) {
  const path = join(folder, 'policy')
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return readWitnessPolicy(path, log)
}
const OURS = `log ${formatVerifierKey(log)}`
const refused = (...lines: string[]): string => {
  try {
    read(...lines)
  } catch (error) {
    assert.ok(error instanceof Problem && error.code === 'witness-policy-invalid', String(error))
    return error.detail
  }
  throw new assert.AssertionError({ message: `accepted: ${lines.join(' / ')}` })
}

test('a policy that can do what `witnessed` promises, with what it is worth', () => {
  const three = [witness('a'), witness('b', 'https://b.example/prefix/'), witness('c')]
  const { witnesses, safety, digest } = read(OURS, ...three, 'group g 2 a b c', 'quorum g')
  assert.deepEqual(witnesses.map(({ name, url }) => [name, url])[1], ['b', 'https://b.example/prefix'])
  assert.deepEqual(safety, { liveWithDown: 1, safeWithMalicious: 0 })
  assert.match(digest, /^[0-9a-f]{64}$/)
})

test('what could not is refused, and says what to change', () => {
  const [a, b] = [witness('a'), witness('b')]
  assert.match(refused(a, 'quorum a'), /no `log` line with the key of `log.example\/shop`/)
  assert.match(
    refused(`log ${formatVerifierKey(other)}`, a, 'quorum a'),
    /no `log` line/,
    'the right name, another key',
  )
  assert.match(refused(OURS, a, 'quorum none'), /`quorum none`/)
  assert.match(refused(OURS, a, b, 'group g 1 a b', 'quorum g'), /need not share a witness/)
  assert.match(refused(OURS, a.split(' ').slice(0, 3).join(' '), 'quorum a'), /with an address cannot make/)
  assert.match(refused(OURS, witness('a', 'ftp://a.example'), 'quorum a'), /not `http:` or `https:`/)
  assert.match(refused(OURS, witness('a', 'nowhere'), 'quorum a'), /not `http:` or `https:`/)
  assert.match(refused(OURS, 'witness a nonsense', 'quorum a'), /line 2/)
  assert.match(refused(OURS), /no `quorum` line/)
  assert.throws(() => readWitnessPolicy(join(folder, 'absent'), log), { code: 'witness-policy-invalid' })
})
