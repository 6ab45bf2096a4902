/** The stand-alone verifier tells apart what is whole, erased, missing and changed. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { exportLog } from '../../src/main/export-log.ts'
import { main, parseKey, type Trust } from '../../verifier/verify.ts'
import { CLINIC, erase, history, SECRETS } from '../support/clinic-history.ts'
import { openBank, temporaryDirectory } from '../support/bank-system.ts'
import { textsFound } from '../support/search-files.ts'
import { pack, unpack, verifyBytes } from './bundle/forge.ts'

async function exported(context: TestContext, erased: boolean) {
  const clinic = await openBank(context, { application: CLINIC })
  await history(clinic)
  const answer = erased ? (await erase(clinic)).answer : null
  await clinic.close()
  const folder = await temporaryDirectory(context)
  const file = join(folder, 'log.tar')
  await exportLog(clinic.dir, file, 'bundle', null)
  const trust: Trust = { logs: [parseKey((await readFile(join(clinic.dir, 'log.vkey'), 'utf8')).trim())], policy: null, heads: [] }
  const by = answer?.kind === 'committed' ? answer.events[0]?.position : undefined
  return { bundle: await readFile(file), trust, by, file, folder, vkey: join(clinic.dir, 'log.vkey') }
}

test('what was erased is named, with the record that did; no byte of it is in the bundle', async (context) => {
  const { bundle, trust, by, file, folder, vkey } = await exported(context, true)
  const report = verifyBytes(bundle, trust)
  assert.deepEqual([report.verdict, report.findings], ['VALID_WITH_ERASURES', []])
  assert.equal(report.erasures.length, 1)
  assert.equal(report.erasures[0]?.by, by)
  assert.ok((report.erasures[0]?.records ?? 0) >= 8, JSON.stringify(report.erasures))
  assert.ok(report.notChecked.some((what) => /^personal data of \d+ records: it is sealed/.test(what))) // Bob's
  const lines: string[] = []
  assert.equal(main(['bundle', file, '--key', vkey], (line) => lines.push(line)), 20)
  assert.match(lines.join('\n'), new RegExp(`erased +personal data of \\d+ records, by record ${by}`))
  assert.deepEqual(textsFound(folder, SECRETS), [])
})

test('without an erasure nothing is called erased; changed and missing are neither', async (context) => {
  const whole = await exported(context, false)
  const sound = verifyBytes(whole.bundle, whole.trust)
  assert.deepEqual([sound.verdict, sound.erasures], ['VALID_UNWITNESSED', []])
  const { bundle, trust } = await exported(context, true)
  const members = unpack(bundle)
  const payloads = members.findIndex(({ name }) => name.startsWith('payload/'))
  const content = members[payloads]?.content as Buffer
  const changed = (edit: (copy: Buffer) => Buffer): string =>
    verifyBytes(pack(members.with(payloads, { ...(members[payloads] as (typeof members)[number]), content: edit(Buffer.from(content)) })), trust).verdict
  const sealedAt = content.indexOf('"ct":"') + 10
  assert.equal(changed((copy) => (copy.write(copy[sealedAt] === 65 ? 'B' : 'A', sealedAt), copy)), 'INVALID')
  const kidAt = content.indexOf('"kids":["k_') + 12
  assert.equal(changed((copy) => (copy.write(copy[kidAt] === 97 ? 'b' : 'a', kidAt), copy)), 'INVALID')
  // The first sealed payload is taken out, as if the store had lost it.
  const withoutFirst = (copy: Buffer): Buffer => {
    for (let at = 0; ; ) {
      const length = copy.readUInt32BE(at)
      if (copy.subarray(at + 4, at + 4 + length).includes('"$sealed"'))
        return Buffer.concat([copy.subarray(0, at), Buffer.from([255, 255, 255, 255]), copy.subarray(at + 4 + length)])
      at += 4 + length
    }
  }
  assert.equal(changed(withoutFirst), 'INSUFFICIENT')
})
