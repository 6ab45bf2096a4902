/** The stand-alone verifier derives admissions again from a bundle, with its own evaluator: all of a sound one, and what was changed is found. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { exportLog } from '../../src/main/export-log.ts'
import { audit } from '../../src/main/audit.ts'
import { canonicalJson, type JsonObject } from '../../src/model/json.ts'
import { parseKey, type Report, type Trust } from '../../verifier/verify.ts'
import { bankPolicies, limits } from '../support/bank-policies.ts'
import { CLINIC, history } from '../support/clinic-history.ts'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../support/bank-system.ts'
import { someOfEverything } from '../support/bank-history.ts'
import { pack, unpack, verifyBytes } from './bundle/forge.ts'

async function exported(context: TestContext) {
  const bank = await openBank(context)
  await someOfEverything(bank)
  await bank.close()
  const file = join(await temporaryDirectory(context), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const key = async (name: string) => parseKey((await readFile(join(bank.dir, name), 'utf8')).trim())
  const bare: Trust = { logs: [await key('log.vkey')], policy: null, heads: [] }
  const pinned: Trust = { ...bare, operators: [await key('authority/root.vkey')] }
  return { dir: bank.dir, bundle: await readFile(file), bare, pinned }
}

test('each admission of a bundle comes out again, as many as the audit with the engine’s own evaluator finds', async (context) => {
  const { dir, bundle, bare, pinned } = await exported(context)
  const { admissions } = await audit({ dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  for (const trust of [bare, pinned]) {
    const report = verifyBytes(bundle, trust)
    assert.deepEqual(report.findings, [])
    assert.equal(report.verdict, 'VALID_UNWITNESSED')
    assert.equal(report.admissions, admissions)
    assert.deepEqual(report.notChecked.filter((what) => /admission/.test(what)), [])
    assert.equal(report.notChecked.some((what) => what.includes('signed the snapshots')), trust === bare)
  }
})

test('snapshots and manifests: flipped, left out, doubled, exchanged', async (context) => {
  const { bundle, bare, pinned } = await exported(context)
  const members = unpack(bundle)
  const grounds = members.filter(({ name }) => /^(authority|release)\//.test(name))
  assert.deepEqual(grounds.map(({ name }) => name.split('/')[0]), ['authority', 'authority', 'release'])
  for (const { at, content, name } of grounds)
    for (let offset = 0; offset < 512 + content.length; offset += offset < 512 ? 7 : 61) {
      const copy = Buffer.from(bundle)
      copy[at + offset] = (copy[at + offset] as number) ^ (1 << offset % 8)
      const { verdict } = verifyBytes(copy, pinned)
      assert.equal(verdict, 'INVALID', `${name} at ${offset}`)
    }
  const verdictOf = (changed: typeof members, trust: Trust = pinned) => verifyBytes(pack(changed), trust).verdict
  for (const [place, member] of members.entries()) {
    if (!grounds.includes(member)) continue
    const without = verdictOf(members.toSpliced(place, 1))
    // Left out, the last snapshot or a manifest is evidence that is missing; the first breaks the order of files.
    assert.equal(without, member.name === 'authority/000001' ? 'INVALID' : 'INSUFFICIENT', member.name)
    assert.equal(verdictOf(members.toSpliced(place, 0, member)), 'INVALID', `${member.name} doubled`)
    assert.equal(verdictOf(members.with(place, { ...member, content: Buffer.alloc(0) })), 'INVALID')
  }
  // Snapshots that nobody here could have signed, read by who has not pinned the operators.
  const first = members.findIndex(({ name }) => name === 'authority/000001')
  const snapshot = JSON.parse(members[first]?.content.toString().split('\n\n')[0] ?? '') as JsonObject
  for (const unfit of [{ principals: 5 }, { principals: [null] }, { policies: null }, { policies: { 'limits.json': 'x' } }]) {
    const content = Buffer.from(`${canonicalJson({ ...snapshot, ...unfit })}\n\n— x AAAAAAAA\n`)
    assert.equal(verdictOf(members.with(first, { name: 'authority/000001', at: 0, content }), bare), 'INVALID')
  }
  // Without any, nothing contradicts; it says what it could not do.
  const none = verifyBytes(pack(members.filter((member) => !grounds.includes(member))), bare)
  assert.deepEqual([none.verdict, none.admissions], ['VALID_UNWITNESSED', null])
  assert.ok(none.notChecked.some((what) => what.includes('each admission')))
  // Who has pinned the operators asks for the admissions.
  assert.equal(verdictOf(members.filter((member) => !grounds.includes(member))), 'INSUFFICIENT')
  // Another installation’s snapshot under the same number.
  const other = unpack((await exported(context)).bundle).find(({ name }) => name === 'authority/000001')
  const place = members.findIndex(({ name }) => name === 'authority/000001')
  assert.ok(other !== undefined)
  for (const trust of [bare, pinned]) assert.equal(verdictOf(members.with(place, other), trust), 'INVALID')
})

test('limits are rules, and counted again; what is sealed is said to be unchecked: neither is found invalid', async (context) => {
  const entries = { deposits: { of: ['deposit'], per: ['principal'], window: { fixed: '1d' }, max: 3 } }
  const bank = await openBank(context, { policies: await bankPolicies(context, limits(entries)) })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  for (let i = 0; i < 4; i++) await bank.do('deposit', { account: 'a', amount: 1 })
  const counted = await reportOf(context, bank)
  assert.deepEqual([counted.findings, counted.verdict], [[], 'VALID_UNWITNESSED'])
  assert.ok(!counted.notChecked.some((what) => what.includes('history were taken from the record')))

  const clinic = await openBank(context, { application: CLINIC })
  await history(clinic)
  const sealed = await reportOf(context, clinic)
  assert.deepEqual([sealed.findings, sealed.verdict], [[], 'VALID_UNWITNESSED'])
  assert.ok(sealed.notChecked.some((what) => what.includes('sealed under the keys')))
})

async function reportOf(context: TestContext, bank: Bank): Promise<Report> {
  await bank.close()
  const file = join(await temporaryDirectory(context), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const vkey = (await readFile(join(bank.dir, 'log.vkey'), 'utf8')).trim()
  return verifyBytes(await readFile(file), { logs: [parseKey(vkey)], policy: null, heads: [] })
}
