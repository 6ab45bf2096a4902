/**
 * Bundles as `plinth log export` writes them, of logs with every kind of record (authority adopted, keys rotated, breakers, approvals, heads stated, personal
 * data sealed and erased), with the snapshots and manifests that admissions are derived again from: every change of them changes the verdict to the right one.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { exportLog } from '../../src/main/export-log.ts'
import { parseKey, type Trust, type Verdict } from '../../verifier/verify.ts'
import { temporaryDirectory, type Bank } from '../support/bank-system.ts'
import { pack, unpack, verifyBytes, type Member } from './bundle/forge.ts'
import { Enumeration } from './mutation/enumeration.ts'
import { everythingOfABank, everythingOfAClinic } from './mutation/everything.ts'

const enumeration = new Enumeration('export')
/** Each of these is in one of the two logs at least. */
const STREAMS = ['account', 'patient', 'plinth.approval', 'plinth.authority', 'plinth.breaker', 'plinth.erasure', 'plinth.heads', 'plinth.log-key', 'plinth.release', 'plinth.run']
const STATES = ['committed', 'held', 'refused']
const MEMBERS = ['actor', 'tenant', 'corr', 'run', 'op', 'stream', 'for', 'release', 'gate', 'principal', 'epoch']
const seen = { streams: new Set<string>(), states: new Set<string>() }

async function exported(context: TestContext, bank: Bank): Promise<{ readonly bundle: Buffer; readonly trust: Trust }> {
  const file = join(await temporaryDirectory(context), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const key = (name: string) => parseKey(readFileSync(join(bank.dir, name), 'utf8').trim())
  return { bundle: readFileSync(file), trust: { logs: [key('log.vkey')], policy: null, heads: [], operators: [key('authority/root.vkey')] } }
}

for (const [name, make, sound] of [
  ['bank', everythingOfABank, 'VALID_UNWITNESSED'],
  ['clinic', everythingOfAClinic, 'VALID_WITH_ERASURES'],
] as const)
  test(`mutations of an export: ${name}`, async (context) => {
    const { bundle, trust } = await exported(context, await make(context))
    const members = unpack(bundle)
    const whole = verifyBytes(bundle, trust)
    assert.deepEqual([whole.verdict, whole.findings], [sound, []])
    const faults: string[] = []
    const judge = (kind: string, what: string, changed: Buffer, wanted: readonly Verdict[]): void => {
      const { verdict } = verifyBytes(changed, trust)
      if (wanted.includes(verdict)) enumeration.count(kind, verdict)
      else faults.push(`${what}: ${verdict}`)
    }
    const put = (place: number, content: Buffer): Buffer => pack(members.with(place, { ...(members[place] as Member), content }))

    const copy = Buffer.from(bundle)
    for (const { name: file, content, at } of members) {
      const of = /^(?:tile\/)?[a-z0-9]+/.exec(file)?.[0] ?? file
      for (let place = at; place < at + 512 + content.length; place++) {
        const isHeader = place < at + 512
        const kind = isHeader ? `byte of the header of ${of}` : `byte of ${of}`
        if (!enumeration.turn(kind, isHeader ? 600 : 4_000, isHeader ? 12 : content.length < 5_000 ? 2 : 40)) continue
        copy[place] = (copy[place] as number) ^ (1 << (place % 8))
        judge(kind, `${file}, byte ${place - at - 512}`, copy, ['INVALID'])
        copy[place] = bundle[place] as number
      }
    }
    for (const [place, member] of members.entries()) {
      const { content } = member
      const variants = {
        doubled: pack(members.toSpliced(place, 0, member)),
        emptied: put(place, Buffer.alloc(0)),
        cut: put(place, content.subarray(0, -1)),
        lengthened: put(place, Buffer.concat([content, Buffer.of(0)])),
      }
      for (const [what, variant] of Object.entries(variants))
        if (enumeration.turn(`file ${what}`, 3)) judge(`file ${what}`, `${member.name} ${what}`, variant, ['INVALID'])
      // A snapshot or a manifest that is left out is evidence that is missing.
      if (enumeration.turn('file deleted', 1))
        judge('file deleted', `${member.name} deleted`, pack(members.toSpliced(place, 1)), /^(authority|release)\//.test(member.name) ? ['INSUFFICIENT', 'INVALID'] : ['INVALID'])
    }
    for (const [place, member] of members.entries()) {
      if (!member.name.startsWith('tile/entries/')) continue
      const entries = entriesOf(member.content)
      const judgeRecord = (kind: string, i: number, changed: readonly Buffer[]): void => {
        if (enumeration.turn(kind, 25)) judge(kind, `${kind} ${i}`, put(place, entriesIn(changed)), ['INVALID'])
      }
      for (const [i, entry] of entries.entries()) {
        const line = entry.toString()
        seen.streams.add(/"stream":"([^/"]+)/.exec(line)?.[1] ?? '')
        seen.states.add(/"state":"(\w+)"/.exec(line)?.[1] ?? '')
        judgeRecord('record deleted', i, entries.toSpliced(i, 1))
        judgeRecord('record doubled', i, entries.toSpliced(i, 0, entry))
        const next = entries[i + 1]
        if (next !== undefined) judgeRecord('record exchanged with the next', i, entries.with(i, next).with(i + 1, entry))
        for (const one of MEMBERS) {
          const other = line.replace(new RegExp(`"${one}":(?:"[^"]*"|null|\\d+)`), `"${one}":"x"`)
          if (other !== line) judgeRecord(`record with another \`${one}\``, i, entries.with(i, Buffer.from(other)))
        }
      }
    }
    assert.deepEqual(faults, [])
  })

test('every kind of record was in one of them', () => {
  assert.deepEqual(STREAMS.filter((stream) => !seen.streams.has(stream)), [])
  assert.deepEqual(STATES.filter((state) => !seen.states.has(state)), [])
})

/** A tile of entries: each behind its length. */
function entriesOf(tile: Buffer): Buffer[] {
  const entries: Buffer[] = []
  for (let at = 0; at < tile.length; ) {
    const end = at + 2 + tile.readUInt16BE(at)
    entries.push(tile.subarray(at + 2, end))
    at = end
  }
  return entries
}
const entriesIn = (entries: readonly Buffer[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(entry.length)
      return [length, entry]
    }),
  )
