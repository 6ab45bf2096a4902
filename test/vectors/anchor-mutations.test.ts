/**
 * Anchors in bundles and receipts, as the stand-alone verifier judges them: stamps of a real authority (`openssl ts`), and every way of changing one
 * changes the verdict to the right one. The verifier and the runtime read tokens with code that they do not share: they must agree on each.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { exportBundle, type ExportedAnchor } from '../../src/event-log/export.ts'
import type { Hash, Position } from '../../src/model/ids.ts'
import { leafHash } from '../../src/model/merkle.ts'
import type { Receipt } from '../../src/model/receipt.ts'
import { inclusionProof } from '../../src/transparency-log/proofs.ts'
import { AnchorFault } from '../../src/transparency-log/anchor/anchor.ts'
import { readTrust, verifyTimestamp as verifyHere } from '../../src/transparency-log/anchor/rfc3161/authority.ts'
import { der, derInteger, derOid, TAG } from '../../src/transparency-log/anchor/rfc3161/der.ts'
import { imprintOf, SHA256, timestampQuery } from '../../src/transparency-log/anchor/rfc3161/timestamp-query.ts'
import { proofOf, tokenOfReply } from '../../src/transparency-log/anchor/rfc3161/timestamp-reply.ts'
import { forcedReply, makeAuthority, startAuthority, type Authority, type AuthorityOptions } from '../../src/transparency-log/anchor/testing/openssl-authority.ts'
import { formatTlogProof } from '../../src/transparency-log/tlog-proof.ts'
import { TestLog } from '../../src/transparency-log/witness/testing/test-log.ts'
import { parseTsaRoots, verifyReceipt, verifyTimestamp, type Report, type Trust } from '../../verifier/verify.ts'
import { checkpointOf, keyOf, pack, readerOf, unpack, verifyBytes, type Raw } from './bundle/forge.ts'
import { sampleLog, type SampleLog } from './bundle/sample.ts'
import { Enumeration } from './mutation/enumeration.ts'

const enumeration = new Enumeration('anchor')

let authority: Authority
let log: SampleLog
let anchors: readonly ExportedAnchor[]
let bundle: Buffer
let trust: Trust
before(async (context) => {
  authority = await startAuthority({ key: 'ec', between: 'critical,CA:true,pathlen:0' })
  log = await sampleLog(context as Parameters<typeof sampleLog>[0], 5)
  anchors = await Promise.all([3, log.records.length].map((size) => stamped(log.records, size)))
  bundle = await bundled(log.records, anchors)
  trust = { logs: [keyOf(log.signer)], policy: null, heads: [], tsaRoots: parseTsaRoots(authority.root) }
})
after(() => authority.close())

async function proofBy(by: Pick<Authority, 'reply'>, note: string): Promise<Buffer> {
  return proofOf(tokenOfReply(await by.reply(timestampQuery(note, Buffer.of(7)))))
}
async function stamped(records: readonly Raw[], size: number): Promise<ExportedAnchor> {
  const checkpoint = checkpointOf(records.slice(0, size), log.origin, log.signer)
  return { size, anchor: 'tsa', checkpoint, proof: await proofBy(authority, checkpoint) }
}
async function bundled(records: readonly Raw[], stamps: readonly ExportedAnchor[]): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const checkpoint = checkpointOf(records, log.origin, log.signer)
  await exportBundle(readerOf(records), checkpoint, (bytes) => void parts.push(bytes), undefined, undefined, stamps)
  return Buffer.concat(parts)
}
const is = ({ verdict, findings }: Report, wanted: string, what: string): void =>
  assert.equal(verdict, wanted, `${what}: ${JSON.stringify(findings)}`)

test('unchanged: valid, and it says who has stamped how much and when; without roots it says what it did not check', () => {
  const report = verifyBytes(bundle, trust)
  is(report, 'VALID_UNWITNESSED', 'with roots')
  assert.deepEqual(
    report.anchors?.map(({ size, by }) => [size, by]),
    anchors.map(({ size }) => [size, 'O=Plinth tests, CN=Test Timestamps']),
  )
  for (const { time } of report.anchors ?? []) assert.ok(Math.abs(Date.parse(time) - Date.now()) < 600_000)
  const { tsaRoots: _roots, ...rootless } = trust
  const without = verifyBytes(bundle, rootless)
  is(without, 'VALID_UNWITNESSED', 'without roots')
  assert.equal(without.anchors, undefined)
  assert.ok(without.notChecked.some((what) => what.includes('--tsa-root')))
})

test('every byte of a stamp counts, and both readers agree', () => {
  const { checkpoint, proof } = anchors[0] as ExportedAnchor
  const roots = parseTsaRoots(authority.root)
  const here = readTrust(authority.root)
  const taken: number[] = []
  for (let at = 0; at < proof.length; at++)
    for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
      if (!enumeration.turn('byte of a stamp: flipped', 8)) continue
      const changed = Buffer.from(proof)
      changed[at] = (changed[at] as number) ^ bit
      const refused = [
        () => verifyTimestamp(Buffer.from(checkpoint), changed, roots),
        () => verifyHere(checkpoint, changed, here),
      ].map((read) => {
        try {
          read()
          return false
        } catch (error) {
          assert.ok(error instanceof AnchorFault || (error as Error).constructor.name === 'Malformed', String(error))
          return true
        }
      })
      if (refused.includes(false)) taken.push(at)
      else enumeration.count('byte of a stamp: flipped', 'refused by both readers')
    }
  assert.deepEqual(taken, [])
})

test('both readers take the same authorities', async () => {
  const kinds: AuthorityOptions[] = [
    { key: 'ec', digest: 'sha512', essDigest: 'sha512' },
    { key: 'rsa', digest: 'sha384', keyUsage: 'critical,nonRepudiation' },
    { key: 'ec', essDigest: 'sha1' },
    { key: 'ec', between: 'critical,CA:false' },
  ]
  const verdicts: (readonly [boolean, boolean])[] = []
  for (const options of kinds) {
    const made = makeAuthority(options)
    const proof = await proofBy(made, 'note')
    const takes = (read: () => unknown): boolean => {
      try {
        read()
        return true
      } catch {
        return false
      }
    }
    verdicts.push([
      takes(() => verifyTimestamp(Buffer.from('note'), proof, parseTsaRoots(made.root))),
      takes(() => verifyHere('note', proof, readTrust(made.root))),
    ])
    rmSync(made.dir, { recursive: true })
  }
  assert.deepEqual(verdicts, [
    [true, true],
    [true, true],
    [false, false],
    [false, false],
  ])
})

test('both readers look at what the certificate is for, and when: tokens that a real authority would not give', () => {
  const note = 'note'
  const info = (time: string, more: Uint8Array = Buffer.alloc(0)): Buffer =>
    der(
      TAG.sequence,
      derInteger(Buffer.of(1)),
      derOid('1.2.3'),
      der(TAG.sequence, der(TAG.sequence, derOid(SHA256)), der(TAG.octetString, imprintOf(note))),
      derInteger(Buffer.of(5)),
      der(TAG.generalizedTime, Buffer.from(time)),
      more,
    )
  const text = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
  const now = text(Date.now() + 1_000)
  const made = (options: AuthorityOptions, tst: Uint8Array) => {
    const one = makeAuthority({ key: 'ec', ...options })
    try {
      const proof = forcedReply(one, tst)
      return [
        () => verifyTimestamp(Buffer.from(note), proof, parseTsaRoots(one.root)),
        () => verifyHere(note, proof, readTrust(one.root)),
      ].map((read) => {
        try {
          read()
          return 'taken'
        } catch (error) {
          return (error as Error).message
        }
      })
    } finally {
      rmSync(one.dir, { recursive: true })
    }
  }
  assert.deepEqual(made({}, info(now)), ['taken', 'taken'])
  const refused: [AuthorityOptions, Buffer, RegExp][] = [
    [{ extendedKeyUsage: 'timeStamping' }, info(now), /for timestamps alone/],
    [{ extendedKeyUsage: 'critical,timeStamping,codeSigning' }, info(now), /for timestamps alone/],
    [{ extendedKeyUsage: 'critical,emailProtection' }, info(now), /for timestamps alone/],
    [{ keyUsage: 'critical,keyEncipherment' }, info(now), /timestamps alone|may not sign/],
    [{}, info(text(Date.now() - 86_400_000)), /lead to/],
    [{}, info(text(Date.now() + 400 * 86_400_000)), /lead to/],
    [{}, info('20261121120000+0100'), /time/],
    [{}, info(now, derInteger(Buffer.from('ff', 'hex')).subarray(0, 2)), /./],
    [{}, info(now, der(TAG.utf8String, Buffer.from('more'))), /./],
  ]
  for (const [options, tst, why] of refused) for (const said of made(options, tst)) assert.match(said, why)
})

test('bytes of the bundle’s anchors, flipped', () => {
  const members = unpack(bundle)
  const first = members.findIndex(({ name }) => name === 'anchor/index')
  const last = members.findIndex(({ name }) => name.startsWith('tile/'))
  const [from, to] = [members[first]?.at ?? 0, members[last]?.at ?? 0]
  assert.ok(first > 0 && to - from > 5_000)
  for (let at = from; at < to; at++)
    for (const mask of [1 << (at % 8), 255]) {
      if (!enumeration.turn('byte of an anchor’s files: flipped', 62)) continue
      const changed = Buffer.from(bundle)
      changed[at] = (changed[at] as number) ^ mask
      is(verifyBytes(changed, trust), 'INVALID', `byte ${at} ^ ${mask}`)
      enumeration.count('byte of an anchor’s files: flipped', 'INVALID')
    }
})

test('its files: deleted, doubled, swapped, renamed, emptied, cut, lengthened, exchanged', () => {
  const members = unpack(bundle)
  const mine = members.flatMap(({ name }, place) => (name.startsWith('anchor/') ? [place] : []))
  assert.equal(mine.length, 5)
  for (const place of mine) {
    const member = members[place]!
    const changed = (content: Buffer, name = member.name) => members.with(place, { ...member, name, content })
    const variants = {
      deleted: members.toSpliced(place, 1),
      doubled: members.toSpliced(place, 0, member),
      swapped: members.with(place, members[place - 1]!).with(place - 1, member),
      renamed: changed(member.content, `${member.name}x`),
      emptied: changed(Buffer.alloc(0)),
      cut: changed(member.content.subarray(0, -1)),
      lengthened: changed(Buffer.concat([member.content, Buffer.of(0)])),
    }
    for (const [what, variant] of Object.entries(variants))
      if (enumeration.turn(`file ${what}`, 1)) {
        is(verifyBytes(pack(variant), trust), 'INVALID', `${member.name} ${what}`)
        enumeration.count(`file ${what}`, 'INVALID')
      }
  }
  const [, , , otherNote, otherReply] = mine.map((place) => members[place]!)
  const put = (place: number, content: Buffer) => members.with(mine[place]!, { ...members[mine[place]!]!, content })
  is(verifyBytes(pack(put(2, otherReply!.content)), trust), 'INVALID', 'the stamp of another checkpoint')
  is(verifyBytes(pack(put(1, otherNote!.content)), trust), 'INVALID', 'another checkpoint for the stamp')
  const index = (text: string) => put(0, Buffer.from(text))
  const [small, large] = anchors.map(({ size }) => size)
  for (const text of [`${small} tsa\n${small} tsa\n`, `${large} tsa\n${small} tsa\n`, `${small} tsa\n`, `0${small} tsa\n`])
    is(verifyBytes(pack(index(text)), trust), 'INVALID', `index ${text}`)
})

test('a stranger’s stamp is not one of the authority that is trusted', async () => {
  const stranger = makeAuthority({ key: 'ec' })
  const { checkpoint } = anchors[1] as ExportedAnchor
  const proof = await proofBy(stranger, checkpoint)
  rmSync(stranger.dir, { recursive: true })
  const forged = await bundled(log.records, [anchors[0]!, { ...anchors[1]!, proof }])
  is(verifyBytes(forged, trust), 'INVALID', 'stamped by a stranger')
})

test('history rewritten and signed with the log’s own key: an earlier stamp convicts it', async () => {
  const wrong = await stampedNote(log.records.slice(0, 2).toReversed(), 2)
  is(verifyBytes(await bundled(log.records, [wrong]), trust), 'EQUIVOCATION', 'another root was stamped for 2 records')
  const larger = await stampedNote([...log.records, log.records[0] as Raw], log.records.length + 1)
  const members = unpack(await bundled(log.records, [{ ...larger, size: 1 }]))
  const renamed = members.map((member) => ({
    ...member,
    name: member.name.replace('anchor/1-', `anchor/${larger.size}-`),
    content: member.name === 'anchor/index' ? Buffer.from(`${larger.size} tsa\n`) : member.content,
  }))
  is(verifyBytes(pack(renamed), trust), 'ROLLBACK', 'more records were stamped than there are')
})

async function stampedNote(records: readonly Raw[], size: number): Promise<ExportedAnchor> {
  const checkpoint = checkpointOf(records, log.origin, log.signer)
  return { size, anchor: 'tsa', checkpoint, proof: await proofBy(authority, checkpoint) }
}

test('a receipt’s own stamp is judged with it', async () => {
  const tree = new TestLog(log.signer)
  for (const { line } of log.records) tree.append(line)
  const size = log.records.length
  const note = tree.signed(size)
  const reply = await proofBy(authority, note)
  const { timeMs } = verifyTimestamp(Buffer.from(note), reply, null)
  const hashes: readonly Hash[] = inclusionProof(tree.nodes, 1, size)
  const { line } = log.records[1] as Raw
  assert.equal(tree.leaf(1), leafHash(line))
  const receipt: Receipt = {
    index: 1 as Position,
    record: line,
    proof: formatTlogProof({ index: 1, hashes, checkpoint: note }),
    timestamp: { kind: 'rfc3161', timeMs, token: reply.toString('base64') },
  }
  const judged = (changed: object = {}) => verifyReceipt(Buffer.from(JSON.stringify({ ...receipt, ...changed })), trust)
  is(judged(), 'VALID_UNWITNESSED', 'unchanged')
  assert.deepEqual(judged().anchors?.map((one) => one.size), [size])
  const whole = Buffer.from(JSON.stringify(receipt))
  for (let at = 0; at < whole.length; at++)
    for (const mask of [1 << (at % 8), 255]) {
      if (!enumeration.turn('byte of a receipt: flipped', 20)) continue
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] as number) ^ mask
      is(verifyReceipt(changed, trust), 'INVALID', `byte ${at} of the receipt ^ ${mask}`)
      enumeration.count('byte of a receipt: flipped', 'INVALID')
    }
  const stamp = receipt.timestamp as NonNullable<Receipt['timestamp']>
  const flipped = Buffer.from(reply)
  flipped[reply.length - 3] = (flipped[reply.length - 3] as number) ^ 1
  for (const timestamp of [
    { ...stamp, timeMs: timeMs + 1 },
    { ...stamp, kind: 'other' },
    { ...stamp, token: flipped.toString('base64') },
    { ...stamp, token: `${stamp.token} ` },
    { ...stamp, token: Buffer.from(anchors[0]?.proof ?? []).toString('base64') },
    null,
  ])
    is(judged({ timestamp }), 'INVALID', JSON.stringify(timestamp)?.slice(0, 60))
})
