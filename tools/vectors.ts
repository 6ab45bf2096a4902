/**
 * `npm run vectors`: the published test vectors of the formats that we write, against the verifier's code and the runtime's.
 *
 *   node tools/vectors.ts [--data DIR]
 *
 * Exit code 0: every vector came out as it should, or is an exception listed below, or the folder is not there, which is said loudly.
 * 1: something did not, or an exception no longer is one, or there is a set that nothing here knows.
 */
import { createHash, verify } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Hash } from '../src/model/ids.ts'
import { canonicalJson } from '../src/model/json.ts'
import { Frontier } from '../src/model/merkle.ts'
import { NoteError, parseVerifierKey, verifyNote as runtimeVerifyNote } from '../src/model/signed-note.ts'
import { openCheckpoint as runtimeOpen } from '../src/transparency-log/checkpoint.ts'
import * as runtimeProofs from '../src/transparency-log/proofs.ts'
import { tilePath, unpackHashes } from '../src/transparency-log/tiles.ts'
import {
  readTrust,
  verifyTimestamp as runtimeVerifyTimestamp,
} from '../src/transparency-log/anchor/rfc3161/authority.ts'
import { proofOf, tokenOfReply } from '../src/transparency-log/anchor/rfc3161/timestamp-reply.ts'
import { AnchorFault } from '../src/transparency-log/anchor/anchor.ts'
import { parseTlogProof as runtimeParseProof } from '../src/transparency-log/tlog-proof.ts'
import * as verifier from '../verifier/verify.ts'

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const folder = values.data ?? join(import.meta.dirname, '../../shared/data/trust-vectors')

type Who = 'verifier' | 'runtime'

/** Vectors that come out otherwise than their authors want, on purpose. */
const EXCEPTIONS: readonly { readonly set: string; readonly id: RegExp; readonly why: string }[] = [
  {
    set: 'rfc6962-proofs/consistency.json',
    id: /sizes-are-equal-one-and-proof-is-empty/,
    why: 'its roots are 12 bytes long and equal; roots that are not 32 bytes are no hashes here',
  },
]
/** Sets that judge what is not built, with the reason. Whoever builds it moves the set up. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  'rfc6962-proofs/subtreeinclusion.json': 'subtree proofs are not made here',
  'rfc6962-proofs/subtreeconsistency.json': 'subtree proofs are not made here',
  'cose-receipts': 'COSE receipts are not made here',
  'eip712.json': 'no chain is an anchor here',
  mldsa44: 'no ML-DSA-44 cosignatures yet',
  opentimestamps: 'no OpenTimestamps anchors yet',
  'tlog-witness-litewitness': 'requests to a running witness: `test/vectors/tlog-witness.test.ts` sends each to ours',
  'README.md': 'text',
}

interface Tally {
  passed: Record<Who, number>
  excepted: string[]
  failed: string[]
}
const tallies = new Map<string, Tally>()

/** Runs one vector. `actual` throwing means that it was refused. */
function vector(set: string, id: string, who: Who, wanted: boolean, actual: () => boolean): void {
  let tally = tallies.get(set)
  if (tally === undefined) tallies.set(set, (tally = { passed: { verifier: 0, runtime: 0 }, excepted: [], failed: [] }))
  const exception = EXCEPTIONS.find((one) => one.set === set && one.id.test(id))
  const came = outcome(actual)
  if (typeof came === 'string') tally.failed.push(`${who}: ${id}: ${came}`)
  else if (exception !== undefined && came !== wanted) tally.excepted.push(`${who}: ${id}: ${exception.why}`)
  else if (exception !== undefined)
    tally.failed.push(`${who}: ${id}: listed as an exception, but comes out as its authors want`)
  else if (came === wanted) tally.passed[who]++
  else tally.failed.push(`${who}: ${id}: ${came ? 'accepted' : 'refused'}`)
}

/** Refusing is an answer; anything else that is thrown is a fault of ours. */
function outcome(actual: () => boolean): boolean | string {
  try {
    return actual()
  } catch (error) {
    if (error instanceof NoteError || error instanceof AnchorFault) return false
    if (error instanceof Error && error.constructor.name === 'Malformed') return false
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

const path = (...names: string[]): string => join(folder, ...names)
const text = (...names: string[]): string => readFileSync(path(...names), 'utf8')
const bytes = (...names: string[]): Buffer => readFileSync(path(...names))
const json = (...names: string[]): unknown => JSON.parse(text(...names))
const hex = (base64: string | null): Hash => Buffer.from(base64 ?? '', 'base64').toString('hex') as Hash

const SETS: Readonly<Record<string, (set: string) => void>> = {
  'rfc6962-proofs/inclusion.json'(set) {
    type Case = {
      leafIdx: number
      treeSize: number
      root: string
      leafHash: string
      proof: string[] | null
      wantErr: boolean
      _path: string
    }
    for (const one of json(set) as Case[]) {
      const [leaf, proof, root] = [hex(one.leafHash), (one.proof ?? []).map(hex), hex(one.root)]
      for (const [who, verify] of [
        ['verifier', verifier.verifyInclusion],
        ['runtime', runtimeProofs.verifyInclusion],
      ] as const)
        vector(set, one._path, who, !one.wantErr, () => verify(one.leafIdx, one.treeSize, leaf, proof, root))
    }
  },

  'rfc6962-proofs/consistency.json'(set) {
    type Case = {
      size1: number
      size2: number
      root1: string
      root2: string
      proof: string[] | null
      wantErr: boolean
      _path: string
    }
    for (const one of json(set) as Case[]) {
      const [before, after, proof] = [hex(one.root1), hex(one.root2), (one.proof ?? []).map(hex)]
      for (const [who, verify] of [
        ['verifier', verifier.verifyConsistency],
        ['runtime', runtimeProofs.verifyConsistency],
      ] as const)
        vector(set, one._path, who, !one.wantErr, () => verify(one.size1, one.size2, before, after, proof))
    }
  },

  'signed-note'(set) {
    type Cases = {
      open: { vkeys: string[]; note: string; ok: boolean; verified?: string[]; desc: string }[]
      bad_vkeys: { vkey: string }[]
    }
    const { open, bad_vkeys: bad } = json(set, 'notes.json') as Cases
    for (const { vkeys, note, ok, verified, desc } of open) {
      const names = (signed: string[]): boolean => signed.length > 0 && (!ok || String(signed) === String(verified))
      vector(set, desc, 'verifier', ok, () =>
        names(
          verifier
            .verifyNote(verifier.parseNote(Buffer.from(note)), vkeys.map(verifier.parseKey))
            .map(({ key }) => key.name),
        ),
      )
      vector(set, desc, 'runtime', ok, () =>
        names(runtimeVerifyNote(note, vkeys.map(parseVerifierKey)).signedBy.map(({ name }) => name)),
      )
    }
    for (const { vkey } of bad) {
      vector(set, vkey, 'verifier', false, () => verifier.parseKey(vkey).name !== '')
      vector(set, vkey, 'runtime', false, () => parseVerifierKey(vkey).name !== '')
    }
  },

  'tlog-tiles-tessera'(set) {
    const vkey = text(set, 'vkey').trim()
    const trust = { logs: [verifier.parseKey(vkey)], policy: null }
    const frontier = new Frontier()
    const tree = new verifier.Tree()
    const entries = entriesOf(bytes(set, tilePath('entries', 0, 15)))
    for (let size = 0; size <= 15; size++) {
      const note = bytes(set, `checkpoint.${size}`)
      const judged = (checkpoint: { size: number; rootHash: string }, root: string): boolean =>
        checkpoint.size === size && checkpoint.rootHash === root
      vector(set, `checkpoint.${size}`, 'verifier', true, () =>
        judged(verifier.openCheckpoint(note, trust), tree.root()),
      )
      vector(set, `checkpoint.${size}`, 'runtime', true, () =>
        judged(runtimeOpen(note.toString(), parseVerifierKey(vkey)), frontier.rootHash()),
      )
      if (size > 0) {
        const tile = bytes(set, tilePath(0, 0, size))
        vector(set, `tile ${size}`, 'verifier', true, () => {
          const [edge] = tree.edge()
          return edge?.path === tilePath(0, 0, size) && edge.hashes.join('') === tile.toString('hex')
        })
        vector(set, `entries ${size}`, 'verifier', true, () =>
          entriesOf(bytes(set, tilePath('entries', 0, size))).every((entry, place) =>
            entry.equals(entries[place] as Buffer),
          ),
        )
      }
      if (size === 15) break
      const leaf = verifier.leafOf(entries[size] as Buffer)
      tree.append(leaf)
      frontier.append(leaf as Hash)
    }
  },

  'cosignature-sunlight'(set) {
    for (const [note, about] of [
      ['checkpoint', 'witness.v0.json'],
      ['mirror-checkpoint', 'mirror.v0.json'],
    ] as const) {
      const { verifier_keys: keys } = json(set, about) as { verifier_keys: string[] }
      const known = keys.map(verifier.parseKey)
      const signed = (bytesOfNote: Buffer): boolean => {
        const times = verifier.verifyNote(verifier.parseNote(bytesOfNote), known).map(({ time }) => time)
        return times.length === 1 && times[0] !== null
      }
      vector(set, note, 'verifier', true, () => signed(bytes(set, note)))
      vector(set, `${note} over another size`, 'verifier', false, () =>
        signed(Buffer.from(text(set, note).replace('\n300\n', '\n301\n'))),
      )
    }
  },

  ed25519(set) {
    type Wycheproof = {
      testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[]
    }
    const buffer = (text: string): Buffer => Buffer.from(text, 'hex')
    for (const { publicKey, tests } of (json(set, 'wycheproof_ed25519_test.json') as Wycheproof).testGroups)
      for (const { tcId, msg, sig, result } of tests)
        vector(set, `wycheproof ${tcId}`, 'verifier', result === 'valid', () =>
          verifier.isSigned(buffer(msg), verifier.ed25519Key(buffer(publicKey.pk)), buffer(sig)),
        )
    type Edge = { number: number; key: string; sig: string; msg: string; flags: string[] | null }
    for (const { number, key, sig, msg, flags } of json(set, 'cctv_ed25519vectors.json') as Edge[]) {
      // The authors leave the choice open. Ours: RFC 8032 without cofactor, R compared as bytes, no point of small order. Go takes more of them
      // (R and A of small order), never fewer, so nothing is valid here that is not valid there.
      const refused = ['low_order_residue', 'non_canonical_R', 'low_order_R', 'low_order_A']
      const wanted = !refused.some((flag) => flags?.includes(flag))
      const typed = Buffer.concat([Buffer.of(1), buffer(key)])
      const vkey = `edge+${keyHash('edge', typed)}+${typed.toString('base64')}`
      vector(set, `cctv ${number}`, 'verifier', wanted, () =>
        verifier.isSigned(Buffer.from(msg), verifier.parseKey(vkey).publicKey, buffer(sig)),
      )
      // As the key of a log or a witness, a point of small order is refused whatever it signs.
      const small = flags?.includes('low_order_A') === true
      vector(set, `cctv ${number} as a key`, 'verifier', !small, () => verifier.parseKey(vkey).name === 'edge')
      vector(set, `cctv ${number}`, 'runtime', wanted, () =>
        verify(null, Buffer.from(msg), parseVerifierKey(vkey).publicKey, buffer(sig)),
      )
    }
  },

  'jcs-rfc8785'(set) {
    for (const name of readdirSync(path(set, 'input'))) {
      const value = json(set, 'input', name)
      const wanted = text(set, 'output', name)
      vector(set, name, 'verifier', true, () => verifier.canonical(value) === wanted)
      vector(set, name, 'runtime', true, () => canonicalJson(value) === wanted)
    }
  },

  'tlog-policy-sigsum'(set) {
    for (const name of readdirSync(path(set))) {
      const policy = text(set, name)
      // Sigsum writes keys in hex and witnesses by origin; in the words of tlog-policy the same groups must mean the same.
      vector(set, `${name} as it is`, 'verifier', false, () => verifier.parsePolicy(policy).quorum !== undefined)
      const translated = policy
        .replace(/^log ([0-9a-f]{64})/gm, (_, key: string) => `log ${vkeyOf('log', 1, key)}`)
        .replace(
          /^witness (\S+)\s+([0-9a-f]{64})/gm,
          (_, witness: string, key: string) => `witness ${witness} ${vkeyOf(witness, 4, key)}`,
        )
      vector(set, `${name} in tlog-policy`, 'verifier', true, () => {
        const { groups, witnesses, quorum } = verifier.parsePolicy(translated)
        const group = groups.get(quorum ?? '')
        const keys = [...witnesses.values()]
        const all = verifier.isMet({ logs: [], groups, witnesses, quorum }, keys)
        const none = verifier.isMet({ logs: [], groups, witnesses, quorum }, [])
        const enough = (group?.members ?? [])
          .flatMap((member) => witnesses.get(member) ?? [])
          .slice(0, group?.threshold)
        return (
          all &&
          (!none || quorum === null) &&
          verifier.isMet({ logs: [], groups, witnesses, quorum }, enough.length > 0 ? enough : keys)
        )
      })
    }
  },

  'rekor-v2'(set) {
    type Entry = {
      canonicalizedBody: string
      inclusionProof?: { logIndex: string; hashes?: string[]; checkpoint: { envelope: string } }
    }
    type Root = { tlogs: { baseUrl: string; publicKey: { rawBytes: string; keyDetails: string } }[] }
    for (const name of readdirSync(path(set))) {
      const { tlogs } = json(set, name, 'trusted_root.json') as Root
      const logs = tlogs
        .filter(({ publicKey }) => publicKey.keyDetails === 'PKIX_ED25519')
        .map(({ baseUrl, publicKey }) =>
          verifier.parseKey(
            vkeyOf(new URL(baseUrl).host, 1, Buffer.from(publicKey.rawBytes, 'base64').subarray(12).toString('hex')),
          ),
        )
      const bundle = json(set, name, 'bundle.sigstore.json') as { verificationMaterial: { tlogEntries: Entry[] } }
      const [entry] = bundle.verificationMaterial.tlogEntries
      // Of a Rekor entry, its checkpoint and its place in the tree. Certificates and time stamps are not our business.
      vector(set, name, 'verifier', !name.endsWith('_fail'), () => {
        if (entry?.inclusionProof === undefined) return false
        const { logIndex, hashes = [], checkpoint } = entry.inclusionProof
        const proof = `c2sp.org/tlog-proof@v1\nindex ${logIndex}\n${hashes.map((one) => `${one}\n`).join('')}\n${checkpoint.envelope}`
        const body = Buffer.from(entry.canonicalizedBody, 'base64')
        return (
          verifier.verifyProof(body, Buffer.from(proof), { logs, policy: null, heads: [] }, false).verdict ===
          'VALID_UNWITNESSED'
        )
      })
    }
  },

  'rfc3161-sample'(set) {
    const [stamped, reply, authority] = [bytes(set, 'data'), bytes(set, 'r.tsr'), text(set, 'ca.pem')]
    const signed = Buffer.from(reply)
    signed[signed.length - 1] = (signed.at(-1) as number) ^ 1
    for (const [id, wanted, data, answer, roots] of [
      ['the data that was stamped', true, stamped, reply, authority],
      ['other data', false, Buffer.concat([stamped, stamped]), reply, authority],
      ['another signature', false, stamped, signed, authority],
      [
        'data with a bit flipped',
        false,
        Buffer.from(stamped.map((byte, at) => (at === 7 ? byte ^ 1 : byte))),
        reply,
        authority,
      ],
    ] as const) {
      vector(set, id, 'verifier', wanted, () => {
        verifier.verifyTimestamp(data, answer, verifier.parseTsaRoots(roots))
        return true
      })
      vector(set, id, 'runtime', wanted, () => {
        runtimeVerifyTimestamp(data.toString(), proofOf(tokenOfReply(answer)), readTrust(roots))
        return true
      })
    }
  },

  'sample-log'(set) {
    const policy = verifier.parsePolicy(text(set, 'policy'))
    const vkey = text(set, 'vkey').trim()
    const trust = { logs: policy.logs, policy, heads: [] }
    const [leaf, proof] = [bytes(set, 'e421.leaf'), bytes(set, 'e421.tlog-proof')]
    const is = (verdict: string, report: verifier.Report): boolean => report.verdict === verdict
    vector(set, 'inclusion of 421, witnessed', 'verifier', true, () =>
      is('VALID', verifier.verifyProof(leaf, proof, trust, false)),
    )
    vector(set, 'inclusion of another leaf', 'verifier', true, () =>
      is('INVALID', verifier.verifyProof(Buffer.concat([leaf, leaf]), proof, trust, false)),
    )
    const oneShort = { ...policy, groups: new Map([['q', { threshold: 2, members: ['w1'] }]]) }
    vector(set, 'a quorum that is not met', 'verifier', true, () =>
      is('INSUFFICIENT', verifier.verifyProof(leaf, proof, { ...trust, policy: oneShort }, false)),
    )
    const consistency = (old: Buffer, path: string): verifier.Report =>
      verifier.verifyHeads(old, bytes(set, 'checkpoint'), Buffer.from(path), trust)
    vector(set, 'consistency 300 to 600', 'verifier', true, () =>
      is('VALID', consistency(bytes(set, 'old.checkpoint'), text(set, 'consistency-300-600'))),
    )
    vector(set, 'consistency, its first hash gone', 'verifier', true, () =>
      is(
        'INVALID',
        consistency(bytes(set, 'old.checkpoint'), text(set, 'consistency-300-600').split('\n').slice(1).join('\n')),
      ),
    )
    const evidence = json(set, 'equivocation.json') as Record<string, unknown>
    const convicted = (changed: object): verifier.Report =>
      verifier.verifyEvidence(Buffer.from(JSON.stringify({ ...evidence, ...changed })), {
        ...{ logs: [verifier.parseKey(String(evidence['vkey']))], policy: null, heads: [] },
      })
    vector(set, 'equivocation', 'verifier', true, () => is('EQUIVOCATION', convicted({})))
    for (const changed of [{ leaf1: evidence['leaf2'] }, { index: 420 }, { head2: evidence['head1'] }, { proof1: [] }])
      vector(set, `equivocation with another ${Object.keys(changed)}`, 'verifier', true, () =>
        is('INVALID', convicted(changed)),
      )

    const tree = new verifier.Tree()
    const frontier = new Frontier()
    const tiles = ['000', '001', '002.p/88'].map((name) => bytes(set, 'tile', '0', name))
    const entries = ['000', '001', '002.p/88'].flatMap((name) => entriesOf(bytes(set, 'tile', 'entries', name)))
    const leaves = unpackHashes(Buffer.concat(tiles))
    vector(set, 'tiles from entries', 'verifier', true, () => entries.map(verifier.leafOf).join() === leaves.join())
    const full = leaves.flatMap((one) => (frontier.append(one), tree.append(one)))
    vector(set, 'tiles of both levels', 'verifier', true, () => {
      const all = [...full, ...tree.edge()]
      return all.length === 4 && all.every(({ path, hashes }) => bytes(set, path).toString('hex') === hashes.join(''))
    })
    const { rootHash } = verifier.openCheckpoint(bytes(set, 'checkpoint'), trust)
    vector(set, 'root', 'verifier', true, () => tree.root() === rootHash)
    vector(set, 'root', 'runtime', true, () => frontier.rootHash() === rootHash)
    vector(set, 'inclusion of 421', 'runtime', true, () => {
      const { index, hashes, checkpoint } = runtimeParseProof(proof.toString())
      const { size, rootHash: root } = runtimeOpen(checkpoint, parseVerifierKey(vkey))
      return runtimeProofs.verifyInclusion(index, size, verifier.leafOf(leaf) as Hash, hashes, root)
    })
  },
}

/** Entries of a C2SP entry bundle. */
function entriesOf(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = []
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + bundle.readUInt16BE(at)
    entries.push(bundle.subarray(at + 2, end))
    at = end
  }
  return entries
}

const keyHash = (name: string, typed: Buffer): string =>
  createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8)
function vkeyOf(name: string, type: number, key: string): string {
  const typed = Buffer.concat([Buffer.of(type), Buffer.from(key, 'hex')])
  return `${name}+${keyHash(name, typed)}+${typed.toString('base64')}`
}

if (!existsSync(folder)) {
  console.log(`NOT CHECKED: there are no vectors at \`${folder}\`; give their folder with \`--data\``)
} else {
  const known = [...Object.keys(SETS), ...Object.keys(NOT_APPLICABLE)]
  const there = readdirSync(folder).flatMap((name) =>
    name === 'rfc6962-proofs' ? readdirSync(path(name)).map((file) => `${name}/${file}`) : [name],
  )
  let failures = 0
  for (const [set, run] of Object.entries(SETS)) {
    if (!there.includes(set)) {
      console.log(`NOT CHECKED  ${set}: it is not there`)
      continue
    }
    try {
      run(set)
    } catch (error) {
      failures++
      console.log(`FAILED       ${set}: it cannot be read: ${error instanceof Error ? error.message : String(error)}`)
      continue
    }
    const { passed, excepted, failed } = tallies.get(set) as Tally
    console.log(
      `${set.padEnd(34)} verifier ${String(passed.verifier).padStart(5)}  runtime ${String(passed.runtime).padStart(4)}  exceptions ${excepted.length}  failed ${failed.length}`,
    )
    for (const what of excepted) console.log(`  exception  ${what}`)
    for (const what of failed.slice(0, 20)) console.log(`  FAILED     ${what}`)
    failures += failed.length
  }
  for (const [set, why] of Object.entries(NOT_APPLICABLE))
    if (why !== 'text' && there.includes(set)) console.log(`${set.padEnd(34)} not applicable: ${why}`)
  for (const set of there.filter((name) => !known.includes(name))) {
    console.log(`FAILED       ${set}: nothing here knows this set`)
    failures++
  }
  console.log(failures === 0 ? 'vectors: all as they should be' : `vectors: ${failures} are not as they should be`)
  process.exitCode = failures === 0 ? 0 : 1
}
