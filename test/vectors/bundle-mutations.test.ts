/**
 * Every way of changing a bundle changes the verdict, to the right one. One false VALID fails.
 *
 * Two adversaries: one who carries the bundle and can change any of it, and one who also has the log's key and signs what he has made. Against the
 * first the log's key is enough. Against the second a bundle alone is not, and says so (VALID_UNWITNESSED): what convicts him is a checkpoint that
 * the verifier has kept, or a policy that asks for witnesses.
 *
 * Everyday runs take a sample that a seed picks; `npm run test:mutations` takes them all ([enumeration](mutation/enumeration.ts)).
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { sha256Hex } from '../../src/model/ids.ts'
import { leafHash } from '../../src/model/merkle.ts'
import { noteSigner, signNote, type NoteSigner } from '../../src/model/signed-note.ts'
import { parsePolicy, type Report, type Trust, type Verdict } from '../../verifier/verify.ts'
import { bundleOf, checkpointOf, keyOf, pack, unpack, verifyBytes, Witness, type Raw } from './bundle/forge.ts'
import { sampleLog, type SampleLog } from './bundle/sample.ts'
import { Enumeration } from './mutation/enumeration.ts'

const SMALL = 5 // operations in the log whose bundle is changed byte by byte
const LARGE = 130 // enough records for a full tile

const enumeration = new Enumeration('bundle')

const witnesses = [new Witness('witness-1.example'), new Witness('witness-2.example')]

interface World {
  readonly log: SampleLog
  readonly records: readonly Raw[]
  readonly signer: NoteSigner
  readonly checkpoint: string
  readonly bundle: Buffer
  /** Knows the log's key, and nothing else. */
  readonly bare: Trust
  /** Asks for both witnesses. */
  readonly witnessed: Trust
  /** Has kept the checkpoint over all records. */
  readonly keeper: Trust
}

async function world(context: TestContext, operations: number): Promise<World> {
  const log = await sampleLog(context, operations)
  const { records, signer } = log
  const checkpoint = checkpointOf(records, log.origin, signer, witnesses)
  const policy = parsePolicy(
    `log ${log.vkey}\nwitness w1 ${witnesses[0]?.vkey}\nwitness w2 ${witnesses[1]?.vkey}\ngroup both all w1 w2\nquorum both\n`,
  )
  const bare: Trust = { logs: [keyOf(signer)], policy: null, heads: [] }
  return {
    ...{ log, records, signer, checkpoint, bare },
    bundle: await bundleOf(records, checkpoint),
    witnessed: { ...bare, policy },
    keeper: { ...bare, heads: [checkpoint] },
  }
}

function verdictIs(report: Report, wanted: readonly Verdict[], what: string, kind?: string): void {
  assert(wanted.includes(report.verdict), `${what}: ${report.verdict}, not ${wanted.join(' or ')}: ${JSON.stringify(report.findings)}`)
  if (kind !== undefined) enumeration.count(kind, report.verdict)
}

test('mutations of a bundle', async (context) => {
  const small = await world(context, SMALL)
  const large = await world(context, LARGE)

  await context.test('unchanged, each verifier says what it can', async () => {
    for (const { bundle, bare, witnessed, keeper, log } of [small, large]) {
      assert.equal(verifyBytes(bundle, bare).verdict, 'VALID_UNWITNESSED')
      assert.equal(verifyBytes(bundle, witnessed).verdict, 'VALID')
      assert.equal(verifyBytes(bundle, keeper).verdict, 'VALID_UNWITNESSED')
      verdictIs(verifyBytes(await bundleOf(log.records, log.checkpoint), bare), ['VALID_UNWITNESSED'], 'as the system signed it')
    }
    const kinds = new Set(small.records.map(({ line }) => /"state":"(\w+)"/.exec(line)?.[1] ?? 'event'))
    assert.deepEqual([...kinds].sort(), ['committed', 'event', 'held'])
    assert(small.records.some(({ effects }) => effects.length > 0))
    assert(unpack(large.bundle).some(({ name }) => name === 'tile/1/000.p/1'))
  })

  await context.test('every byte of every file and header: flipped, inverted, removed, doubled, exchanged with the next', () => {
    for (const [size, each] of [['small', small], ['large', large]] as const) mutateBytes(size, each)
  })

  await context.test('every file of it: deleted, doubled, swapped, renamed, emptied, cut, lengthened', () => {
    for (const { bundle, witnessed } of [small, large]) {
      const members = unpack(bundle)
      assert(pack(members).equals(bundle))
      for (const [one, first] of members.entries())
        for (const [other, second] of members.entries())
          if (other > one && enumeration.turn('file exchanged with another', 2))
            verdictIs(verifyBytes(pack(members.with(one, second).with(other, first)), witnessed), ['INVALID'], `${first.name} and ${second.name}`, 'file exchanged with another')
      for (const [place, member] of members.entries()) {
        const changed = (content: Buffer, name = member.name) => members.with(place, { ...member, name, content })
        const variants = {
          deleted: members.toSpliced(place, 1),
          doubled: members.toSpliced(place, 0, member),
          ...(place === 0 ? {} : { swapped: members.with(place, members[place - 1]!).with(place - 1, member) }),
          renamed: changed(member.content, `${member.name}x`),
          emptied: changed(Buffer.alloc(0)),
          cut: changed(member.content.subarray(0, -1)),
          lengthened: changed(Buffer.concat([member.content, Buffer.of(0)])),
          inserted: members.toSpliced(place, 0, { ...member, name: 'more' }),
        }
        for (const [what, variant] of Object.entries(variants))
          if (enumeration.turn(`file ${what}`, 1))
            verdictIs(verifyBytes(pack(variant), witnessed), ['INVALID'], `${member.name} ${what}`, `file ${what}`)
      }
    }
  })

  await context.test('blocks of 512 bytes re-ordered', () => {
    const { bundle, witnessed } = small
    const block = (place: number): Buffer => bundle.subarray(place * 512, (place + 1) * 512)
    for (let one = 0; one < bundle.length / 512; one++)
      for (let other = one + 1; other < bundle.length / 512; other++) {
        if (block(one).equals(block(other)) || !enumeration.turn('blocks exchanged', 40)) continue
        const changed = Buffer.from(bundle)
        block(other).copy(changed, one * 512)
        block(one).copy(changed, other * 512)
        verdictIs(verifyBytes(changed, witnessed), ['INVALID'], `blocks ${one} and ${other}`, 'blocks exchanged')
      }
  })

  await context.test('truncated at any length, or gone on behind its end', () => {
    const { bundle, witnessed } = small
    for (let length = 0; length < bundle.length; length++)
      if (enumeration.turn('truncated', length % 512 < 2 ? 1 : 170))
        verdictIs(verifyBytes(bundle.subarray(0, length), witnessed), ['INVALID'], `the first ${length} bytes`, 'truncated')
    for (const more of [Buffer.of(0), Buffer.alloc(512), Buffer.from('x'), bundle])
      verdictIs(verifyBytes(Buffer.concat([bundle, more]), witnessed), ['INVALID'], `${more.length} bytes more`, 'gone on behind its end')
  })

  await context.test('a payload or an effect left out is missing, not valid', async () => {
    const { records, checkpoint, witnessed } = small
    for (const [position, record] of records.entries()) {
      verdictIs(verifyBytes(await bundleOf(records.with(position, { ...record, payload: null }), checkpoint), witnessed), ['INSUFFICIENT'], `payload ${position}`)
      if (record.effects.length > 0)
        verdictIs(verifyBytes(await bundleOf(records.with(position, { ...record, effects: [] }), checkpoint), witnessed), ['INSUFFICIENT'], `effect ${position}`)
      const other = records.with(position, { ...record, payload: `${record.payload} ` })
      verdictIs(verifyBytes(await bundleOf(other, checkpoint), witnessed), ['INVALID'], `payload ${position} longer`)
      const effects = record.effects.map((effect) => effect.replace('1', '2'))
      if (effects.length > 0)
        verdictIs(verifyBytes(await bundleOf(records.with(position, { ...record, effects }), checkpoint), witnessed), ['INVALID'], `effect ${position} changed`)
    }
  })

  await context.test('every record: deleted, doubled, swapped, edited, re-attributed, without the key', async () => {
    for (const trust of [small.bare, small.witnessed, small.keeper])
      for (const [what, changed] of recordMutations(small.records))
        if (enumeration.turn(kindOf(what), 14))
          verdictIs(verifyBytes(await underOldCheckpoint(small, changed), trust), ['INVALID'], what, kindOf(what))
    for (const [what, changed] of recordMutations(large.records))
      if (enumeration.turn(kindOf(what), 400, 40))
        verdictIs(verifyBytes(await underOldCheckpoint(large, changed), large.witnessed), ['INVALID'], what, kindOf(what))
  })

  await context.test('every record: the same, signed with the key', async () => {
    for (const [what, changed, whole] of recordMutations(small.records)) {
      const kind = `${kindOf(what)}, signed`
      if (!enumeration.turn(kind, /without their operation|, alone/.test(what) ? 2 : 5)) continue
      const forged = await signedAnew(small, changed)
      // What does not contradict itself stays convincing to who knows nothing but the key; never to who kept a checkpoint or asks witnesses.
      const alone = whole ? (['INVALID', 'VALID_UNWITNESSED'] as const) : (['INVALID'] as const)
      verdictIs(verifyBytes(forged, small.bare), alone, `${what}, signed`, kind)
      verdictIs(verifyBytes(forged, small.witnessed), ['INVALID', 'INSUFFICIENT'], `${what}, signed`, kind)
      verdictIs(verifyBytes(forged, small.keeper), changed.length < small.records.length ? ['ROLLBACK'] : ['EQUIVOCATION'].concat(changed.length > small.records.length ? ['INVALID'] : []) as Verdict[], `${what}, signed`, kind)
    }
  })

  await context.test('a stream dropped, cut or rewritten, all else made to fit and signed with the key: the stated heads contradict it', async () => {
    for (const { records, bare, log, signer } of [small, large]) {
      const at = records.findIndex(({ line }) => line.includes('"stream":"plinth.heads/streams"'))
      const statement = JSON.parse(records[at]?.payload ?? '') as { position: number; streams: number; root: string }
      assert.equal(statement.position, at - 1)
      const stated = (change: object): Raw[] => {
        const payload = JSON.stringify({ ...statement, ...change })
        const line = (records[at] as Raw).line.replace(/"payload":\{"hash":"[0-9a-f]{64}","bytes":\d+\}/, `"payload":{"hash":"${sha256Hex(payload)}","bytes":${payload.length}}`)
        return records.with(at, { ...(records[at] as Raw), line, payload })
      }
      const verdictOf = async (changed: readonly Raw[]): Promise<Report> => verifyBytes(await bundleOf(changed, checkpointOf(changed, log.origin, signer)), bare)
      assert.deepEqual((await verdictOf(stated({}))).findings, [])
      // What the engine records by itself at the start may come before the first operations, or between them.
      const opened = records.flatMap(({ line }, i) => (i < at && line.includes('"stream":"account/') && line.includes('"type":"opened"') ? [i] : [])).slice(0, 2)
      assert.equal(opened.length, 2)
      const changes: [string, readonly Raw[]][] = [
        ['root', stated({ root: sha256Hex('') })],
        ['streams', stated({ streams: statement.streams - 1 })],
        ['a position to come', stated({ position: at })],
        ['form', stated({ root: 'x' })],
        // Whole transactions on one stream left out, the statement moved up to fit.
        ...opened.map((i): [string, readonly Raw[]] => {
          const operation = ofOperation(records, i)
          const fewer = stated({ position: statement.position - operation.length }).toSpliced(operation[0] as number, operation.length)
          return [`transaction ${i} left out`, relinked(fewer)]
        }),
        ...opened.map((i): [string, readonly Raw[]] => [`an event of ${i} rewritten`, relinked(records.with(i, reattribute(records[i] as Raw, 'type')))]),
      ]
      for (const [what, changed] of changes) {
        const report = await verdictOf(changed)
        verdictIs(report, ['INVALID'], what)
        assert(report.findings.every(({ what: found }) => /stated|linked|goes from/.test(found)), `${what}: ${JSON.stringify(report.findings)}`)
      }
    }
  })

  await context.test('a past rewritten or cut off and signed anew, 60 times of 60', async () => {
    const { records, log, signer } = large
    const ends = records.flatMap(({ line }, position) => (line.includes('"kind":"operation"') ? [position + 1] : []))
    for (let round = 1; round <= 60; round++) {
      const cut = records.slice(0, ends.at(-1 - round))
      verdictIs(verifyBytes(await signedAnew(large, cut), large.keeper), ['ROLLBACK'], `cut to ${cut.length}`)
      // Kept from before the rewriting; the log has gone on since.
      const head = checkpointOf(cut, log.origin, signer)
      const rewritten = relinked(records.map((record, position) => (position === cut.length - 1 ? reattribute(record, 'tenant') : record)))
      const keeper = { ...large.bare, heads: [head] }
      verdictIs(verifyBytes(large.bundle, keeper), ['VALID_UNWITNESSED'], 'with an older checkpoint')
      verdictIs(verifyBytes(await signedAnew(large, rewritten), keeper), ['EQUIVOCATION'], `rewritten at ${cut.length - 1}`)
    }
  })

  await context.test('signatures: removed, exchanged, of other keys, of other logs', async () => {
    const { records, log, signer, checkpoint } = small
    const other = noteSigner(log.origin, noteKey())
    const [w1, w2] = witnesses as [Witness, Witness]
    const text = checkpoint.slice(0, checkpoint.lastIndexOf('\n\n') + 1)
    const stranger = new Witness('witness-2.example')
    const signed = signNote(text, [signer])
    const cases: [string, string, Verdict][] = [
      ['by another key of that name', checkpointOf(records, log.origin, other, witnesses), 'INVALID'],
      ['of another log', checkpointOf(records, 'log.example/other', noteSigner('log.example/other', noteKey()), witnesses), 'INVALID'],
      ['under another origin, by the key', checkpointOf(records, 'log.example/other', signer, witnesses), 'INVALID'],
      ['without the log', `${text}\n${w1.cosign(signed)}${w2.cosign(signed)}`, 'INVALID'],
      ['without a witness', signed + w1.cosign(signed), 'INSUFFICIENT'],
      ['without witnesses', signed, 'INSUFFICIENT'],
      ['one witness twice', signed + w1.cosign(signed) + w1.cosign(signed, 1_800_000_009), 'INSUFFICIENT'],
      ['a stranger of that name', signed + w1.cosign(signed) + stranger.cosign(signed), 'INSUFFICIENT'],
      ['a cosignature of another checkpoint', signed + w1.cosign(signed) + w2.cosign(text.replace(`\n${records.length}\n`, '\n1\n') + '\n'), 'INVALID'],
      ['the log as a witness', signed + w1.cosign(signed) + signed.slice(signed.lastIndexOf('— ')), 'INSUFFICIENT'],
      // Not a mutation of what is signed: anybody may add signatures that nobody knows.
      ['a stranger beside both', signed + w1.cosign(signed) + w2.cosign(signed) + new Witness('w.example').cosign(signed), 'VALID'],
    ]
    for (const [what, note, wanted] of cases)
      verdictIs(verifyBytes(await bundleOf(records, note), small.witnessed), [wanted], what)
    const sibling = checkpointOf(relinked(records.map((record) => reattribute(record, 'tenant'))), log.origin, signer)
    verdictIs(verifyBytes(small.bundle, { ...small.bare, heads: [sibling] }), ['EQUIVOCATION'], 'a kept checkpoint of the same size')
  })
})

/** What each byte of a bundle belongs to. */
function* classesOf(bundle: Buffer): Generator<readonly [kind: string, from: number, to: number]> {
  let end = 0
  for (const { name, content, at } of unpack(bundle)) {
    const kind = /^(?:tile\/)?[a-z0-9]+/.exec(name)?.[0] ?? name
    yield ['header', at, at + 512]
    yield [kind, at + 512, at + 512 + content.length]
    end = at + 512 + Math.ceil(content.length / 512) * 512
    yield ['padding', at + 512 + content.length, end]
  }
  yield ['end', end, bundle.length]
}

/**
 * Headers and what is signed bit by bit; what is hashed as a whole by one bit of each byte, and each byte inverted. Of the large bundle, which differs in its
 * full tiles, those and the headers, and of what is like the small one's a sample.
 */
function mutateBytes(size: 'small' | 'large', { bundle, witnessed }: World): void {
  const cosigned = rangesOfCosignatures(bundle)
  const judge = (kind: string, at: number, changed: Buffer, what: string): void => {
    // A witness whose name or key hash is another is a stranger: then the policy is not met.
    const wanted: Verdict[] = cosigned.some(([from, to]) => at >= from && at < to) ? ['INVALID', 'INSUFFICIENT'] : ['INVALID']
    verdictIs(verifyBytes(changed, witnessed), wanted, `${size} bundle, ${kind}, byte ${at} ${what}`, `byte of ${kind}: ${what.split(' ')[0]}`)
  }
  const copy = Buffer.from(bundle)
  for (const [kind, from, to] of classesOf(bundle)) {
    const isBitwise = ['header', 'checkpoint', 'format'].includes(kind)
    const isAlike = size === 'large' && !['checkpoint', 'tile/0', 'tile/1'].includes(kind)
    const oneIn = size === 'large' ? (isBitwise ? 200 : 3_000) : isBitwise ? 48 : 90
    for (let at = from; at < to; at++) {
      const masks = size === 'small' && isBitwise ? [1, 2, 4, 8, 16, 32, 64, 128] : [1 << at % 8, 255]
      for (const mask of masks) {
        if (!enumeration.turn(`byte of ${kind}: flipped`, oneIn, isAlike ? 499 : size === 'large' ? 5 : 1)) continue
        copy[at] = (copy[at] as number) ^ mask
        judge(kind, at, copy, `flipped by ${mask}`)
        copy[at] = bundle[at] as number
      }
      if (size === 'large') continue
      if (enumeration.turn(`byte of ${kind}: removed`, 200, 8))
        judge(kind, at, Buffer.concat([bundle.subarray(0, at), bundle.subarray(at + 1)]), 'removed')
      if (enumeration.turn(`byte of ${kind}: inserted`, 200, 8))
        judge(kind, at, Buffer.concat([bundle.subarray(0, at), Buffer.of(bundle[at] as number), bundle.subarray(at)]), 'inserted')
      if (bundle[at] === bundle[at + 1] || at + 1 >= bundle.length || !enumeration.turn(`byte of ${kind}: swapped`, 200, 8)) continue
      copy[at] = bundle[at + 1] as number
      copy[at + 1] = bundle[at] as number
      judge(kind, at, copy, 'swapped with the next')
      bundle.copy(copy, at, at, at + 2)
    }
  }
}

/** Names and key hashes of the witnesses' signature lines. */
function rangesOfCosignatures(bundle: Buffer): [number, number][] {
  return witnesses.map(({ name }) => {
    const from = bundle.indexOf(`— ${name} `)
    return [from + 4, from + 4 + name.length + 1 + 6]
  })
}

type Mutation = readonly [what: string, records: readonly Raw[], whole: boolean]

/** `whole`: somebody with the key may have made a history of it that does not contradict itself. */
function recordMutations(records: readonly Raw[]): Mutation[] {
  const mutations: Mutation[] = []
  for (const [i, record] of records.entries()) {
    const next = records[i + 1]
    const add = (what: string, changed: readonly Raw[], whole = false): void => void mutations.push([`record ${i} ${what}`, changed, whole])
    const single = record.line.includes('"tx":{"i":0,"n":1}')
    add('deleted', records.toSpliced(i, 1), single)
    add('doubled', records.toSpliced(i, 0, record))
    if (next !== undefined) add('swapped with the next', records.with(i, next).with(i + 1, record), single && next.line.includes('"tx":{"i":0,"n":1}'))
    if (i > 0) add('replaced by the first', records.with(i, records[0] as Raw))
    for (const member of ['actor', 'for', 'tenant', 'run', 'corr', 'cause', 'release', 'op', 'gate', 'principal', 'epoch', 't'])
      add(`with another \`${member}\``, records.with(i, reattribute(record, member)), single)
    for (const member of ['log', 'v', 'i', 'tx.n', 'kind', 'bytes', 'hash']) add(`with another \`${member}\``, records.with(i, reattribute(record, member)))
    if (record.line.includes('"kind":"event"')) {
      // Nothing follows the last event of a stream that could contradict its type.
      const alone = record.line.includes('"n":1,"prev":""') // as the first of a stream, it may as well be the first of another
      add('of another stream', records.with(i, reattribute(record, 'stream')), alone)
      for (const member of ['n', 'prev']) add(`with another \`${member}\``, records.with(i, reattribute(record, member)))
      add('of another type', records.with(i, reattribute(record, 'type')), true)
    } else {
      add('of another action', records.with(i, reattribute(record, 'action')), true)
      add('in another state', records.with(i, reattribute(record, 'state')), true)
      add('in a state that there is not', records.with(i, { ...record, line: record.line.replace(/"state":"\w+"/, '"state":"done"') }))
    }
    for (const [what, line] of otherForms(record.line)) add(what, records.with(i, { ...record, line }))
    const operation = ofOperation(records, i)
    if (operation[0] === i) {
      add('and its transaction deleted', records.toSpliced(i, operation.length), true)
      // Events that no operation answers for, numbered as if they were whole.
      const events = operation.slice(0, -1).map((place) => records[place] as Raw)
      const fewer = (one: Raw): Raw => ({ ...one, line: one.line.replace(/("tx":\{"i":\d+,"n":)\d+/, `$1${events.length}`) })
      if (events.length > 0)
        add('and its transaction without their operation', relinked(records.toSpliced(i, operation.length, ...events.map(fewer))))
      const throughout = (member: string): Raw[] =>
        relinked(records.map((one, place) => (operation.includes(place) ? reattribute(one, member) : one)))
      for (const member of ['actor+', 'tenant', 'corr', 'run', 'op'])
        add(`and its transaction with another \`${member}\`, all links made anew`, throughout(member), true)
      // These contradict something else: the chain of owners, the payload, the checkpoint, the time of the record before.
      const contradicted = ['gate', 'log', ...(i > 0 ? ['t'] : []), ...(record.line.includes('"chain":[]') ? [] : ['actor'])]
      for (const member of contradicted)
        add(`and its transaction with another \`${member}\`, alone`, throughout(member))
    }
  }
  return mutations
}

/** The same record in a form that a parser might take: member twice, space, other order, needless escape, one member more or less. */
function otherForms(line: string): [string, string][] {
  return [
    ['with `actor` twice', line.replace('"actor":', '"actor":"somebody","actor":')],
    ['with a space', line.replace(',"actor"', ', "actor"')],
    ['in another order', line.replace(/("op":"[^"]+"),("tx":\{[^}]+\})/, '$2,$1')],
    ['with an escape', line.replace('"tenant":"', '"tenant":"\\u0064').replace('\\u0064d', '\\u0064')],
    ['with one member more', line.replace(/\}$/, ',"more":1}')],
    ['with one member less', line.replace(/"cause":[^,]+,/, '')],
    ['with an exponent', line.replace(/"t":(\d+)/, '"t":$1e0')],
    ['cut', line.slice(0, -1)],
    ['with half a surrogate pair', line.replace('"tenant":"', '"tenant":"\\ud800')],
  ]
}

const kindOf = (what: string): string => what.replace(/^record \d+/, 'record')

const ofOperation = (records: readonly Raw[], i: number): number[] => {
  const op = (record: Raw | undefined): string => /"op":"([^"]+)"/.exec(record?.line ?? '')?.[1] ?? ''
  const tx = (record: Raw | undefined): number => Number(/"tx":\{"i":(\d+)/.exec(record?.line ?? '')?.[1])
  let first = i
  while (tx(records[first]) > 0) first--
  const places = [first]
  while (op(records[first + places.length]) === op(records[i]) && tx(records[first + places.length]) === places.length) places.push(first + places.length)
  return places
}

const EDITS: Readonly<Record<string, readonly [RegExp, string]>> = {
  actor: [/"actor":"[^"]+"/, '"actor":"somebody"'],
  'actor+': [/"actor":"[^"]+","chain":\[.*?\]/, '"actor":"somebody","chain":[]'],
  for: [/"for":(null|"[^"]*")/, '"for":"somebody"'],
  tenant: [/"tenant":"[^"]+"/, '"tenant":"another"'],
  run: [/"run":(null|"[^"]*")/, '"run":"another"'],
  corr: [/"corr":(null|"[^"]*")/, '"corr":"another"'],
  cause: [/"cause":(null|"[^"]*")/, '"cause":"another"'],
  release: [/"release":(null|"[^"]*")/, '"release":"another"'],
  op: [/"op":"op_(.)/, '"op":"op_0'],
  gate: [/"gate":"[^"]*"/, `"gate":"${'0'.repeat(64)}"`],
  principal: [/"principal":"[^"]+"/, '"principal":"somebody"'],
  epoch: [/"epoch":(\d+)/, '"epoch":9$1'],
  t: [/"t":1/, '"t":'],
  log: [/"log":"[^"]+"/, '"log":"log.example/other"'],
  v: [/"v":1/, '"v":2'],
  i: [/"i":/, '"i":1'],
  'tx.n': [/("i":\d+,"n":)/, '$11'],
  kind: [/"kind":"\w/, '"kind":"x'],
  bytes: [/"bytes":/, '"bytes":1'],
  hash: [/"payload":\{"hash":"[0-9a-f]{64}/, `"payload":{"hash":"${'0'.repeat(64)}`],
  stream: [/"stream":"/, '"stream":"x'],
  n: [/("stream":.*"n":)/, '$11'],
  prev: [/"prev":"[0-9a-f]*"/, `"prev":"${'0'.repeat(64)}"`],
  type: [/"type":"/, '"type":"x'],
  action: [/"action":"/, '"action":"x'],
  state: [/"state":"\w+"/, '"state":"failed"'],
}
function reattribute(record: Raw, member: string): Raw {
  const [pattern, replacement] = EDITS[member] as readonly [RegExp, string]
  const line = record.line.replace(pattern, replacement)
  return { ...record, line: line === record.line && !pattern.test(line) ? `${line} ` : line }
}

/** Links of every stream made anew, as somebody who rewrites the past would. */
function relinked(records: readonly Raw[]): Raw[] {
  const heads = new Map<string, string>()
  return records.map((record) => {
    const stream = /"stream":("(?:[^"\\]|\\.)*")/.exec(record.line)?.[1]
    if (stream === undefined) return record
    const line = record.line.replace(/"prev":"[0-9a-f]*"/, `"prev":"${heads.get(stream) ?? ''}"`)
    heads.set(stream, leafHash(line))
    return { ...record, line }
  })
}

/** What a courier can do: the records as he likes them, under the checkpoint that there is. */
async function underOldCheckpoint({ log, signer, checkpoint }: World, records: readonly Raw[]): Promise<Buffer> {
  const members = unpack(await bundleOf(records, checkpointOf(records, log.origin, signer)))
  return pack(members.map((member) => (member.name === 'checkpoint' ? { ...member, content: Buffer.from(checkpoint) } : member)))
}
const signedAnew = ({ log, signer }: World, records: readonly Raw[]): Promise<Buffer> =>
  bundleOf(records, checkpointOf(records, log.origin, signer))
const noteKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey
