/**
 * In the seat of who chooses names: ids that read like paths, policy text or somebody else's name stay what they are, in policy, in the log and on
 * disk; principals that could be taken for another cannot be made.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { changeAuthority } from '../support/authority.ts'
import { bankPolicies } from '../support/bank-policies.ts'
import { NEVER, openBank, temporaryDirectory } from '../support/bank-system.ts'
import { audit } from '../../src/main/audit.ts'
import { exportLog } from '../../src/main/export-log.ts'
import { Problem } from '../../src/model/problems.ts'
import type { ChangeDocument } from '../../src/warden/change-document.ts'

const CLOSED = `@id("b-is-closed")
forbid (principal, action == Action::"deposit", resource == Account::"b");`

/** None of these is `b`, whatever it looks like to a parser, a file system or a person. */
const IDS: readonly string[] = [
  ...[
    'B',
    'b ',
    ' b',
    'b\u0000',
    'b\n',
    'b\u200b',
    '\u202eb',
    'Ь',
    'ｂ',
    '"b"',
    'b"',
    'b\\',
    "b'",
    'b#',
    'b?x',
    'b%00',
  ],
  ...['../b', './b', '/b', 'b/', 'b/../b', '..', '.', '%62', '%2e%2e%2fb', 'C:\\b', '/etc/passwd', '~'],
  ...[
    'Account::"b"',
    'b"); permit (principal, action, resource); //',
    'account/b',
    'plinth.authority/snapshots',
    '*',
    '?principal',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '$where',
    "'; DROP TABLE log; --",
    '{"b":1}',
    '[b]',
    'null',
    '0',
    '\u00e5',
    'a\u030a',
  ],
]

test('an id is that text and no other: in policies, streams and files', async (t) => {
  const bank = await openBank(t, { policies: await bankPolicies(t, { 'closed.cedar': CLOSED }) })
  const files = () => readdirSync(bank.dir, { recursive: true }).map(String).toSorted()
  await bank.do('open_account', { account: 'b', owner: 'ann' })
  const before = files().filter((name) => !name.includes('.db'))
  for (const [place, account] of IDS.entries()) {
    assert.equal((await bank.do('open_account', { account, owner: `owner ${place}` })).kind, 'committed', account)
    const done = await bank.do('deposit', { account, amount: place + 1 })
    assert.equal(done.kind, 'committed', `${account}: ${JSON.stringify(done).slice(0, 300)}`)
  }
  const closed = await bank.do('deposit', { account: 'b', amount: 1 })
  assert.deepEqual(closed.kind === 'denied' && closed.rules, ['b-is-closed'])
  for (const [place, account] of IDS.entries()) {
    const { id, state } = await bank.engine.state(bank.operator, 'account', account, null, NEVER)
    const { owner, balance } = state as { readonly owner: string; readonly balance: number }
    assert.deepEqual([id, owner, balance], [account, `owner ${place}`, place + 1])
  }
  assert.deepEqual(
    files().filter((name) => !name.includes('.db')),
    before,
    'no id has made a file',
  )
  assert.equal((await bank.engine.verify(() => {}, NEVER)).verdict, 'valid')
  await bank.close()
  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual([report.disagreed, report.agreed], [[], report.admissions])
})

test('nobody can be called what could be taken for somebody else, or for the engine', async (t) => {
  const bank = await openBank(t)
  const names = [
    ...[
      'аgent',
      'ａgent',
      'agent\u200b',
      'agent ',
      ' agent',
      'Agent',
      'AGENT',
      'agent\u0000',
      'agent\n',
      'àgent',
      '\u202etnega',
    ],
    ...[
      '',
      '.',
      '..',
      '../agent',
      'agent/x',
      'agent"',
      'Agent::"agent"',
      '*',
      '-',
      '_',
      'plinth',
      'plinth.signer',
      'a'.repeat(129),
    ],
  ]
  for (const id of names) {
    const principal = { id, kind: 'human', owner: null, roles: ['operator'] } as never
    await assert.rejects(
      changeAuthority(bank, { change: 'add-principal', principal } as ChangeDocument),
      (error: unknown) => error instanceof Problem,
      JSON.stringify(id),
    )
  }
  assert.equal((await bank.engine.self(bank.operator, NEVER)).authority.principals, 3)
})

test('two names that print alike are told apart wherever one of them is asked for', async (t) => {
  const bank = await openBank(t)
  for (const owner of ['\u00e5sa', 'a\u030asa']) await bank.do('open_account', { account: `of ${owner}`, owner })
  const answer = await bank.ask('accounts_of', { owner: '\u00e5sa' })
  assert.deepEqual(
    answer.kind === 'answered' && (answer.result as readonly { account: string }[]).map(({ account }) => account),
    ['of \u00e5sa'],
  )
})

test('an export is written where it was asked for, whatever is in it', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: '../../../escape', owner: '../owner' })
  await bank.close()
  const folder = await temporaryDirectory(t)
  for (const format of ['bundle', 'jsonl'] as const) await exportLog(bank.dir, `${folder}/log.${format}`, format, null)
  assert.deepEqual(readdirSync(folder).toSorted(), ['log.bundle', 'log.jsonl'])
})
