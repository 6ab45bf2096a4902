/** Policies nobody thought of: judged as by trying every set of witnesses. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { cosignatureSigner, formatCosignatureKey } from './cosignature.ts'
import { judgeQuorum } from './policy-file-quorum.ts'
import { quorumSafety } from './policy-file-safety.ts'
import { parsePolicyFile, PolicyFileError, type PolicyFile, type PolicyMember } from './policy-file.ts'

const WITNESSES_MAX = 6 // every pair of sets of them is tried: 4,096 at six
const keys = Array.from({ length: WITNESSES_MAX }, (_, index) =>
  formatCosignatureKey(cosignatureSigner(`w${index}`, generateKeyPairSync('ed25519').privateKey)),
)

/** Text of a policy: witnesses, then groups over what no other group has yet. */
const policyText = fc
  .record({
    count: fc.integer({ min: 1, max: WITNESSES_MAX }),
    groups: fc.array(
      fc.record({ take: fc.integer({ min: 1, max: 4 }), threshold: fc.nat(), skip: fc.nat(), word: fc.boolean() }),
      { maxLength: 5 },
    ),
    last: fc.boolean(),
  })
  .map(({ count, groups, last }) => {
    let text = ''
    const free: string[] = []
    for (let index = 0; index < count; index++) {
      text += `witness w${index} ${keys[index]}\n`
      free.push(`w${index}`)
    }
    for (const [index, { take, threshold, skip, word }] of groups.entries()) {
      const members = free.splice(skip % free.length, take)
      const k = (threshold % members.length) + 1
      const written = word && k === members.length ? 'all' : word && k === 1 ? 'any' : String(k)
      text += `group g${index} ${written} ${members.join(' ')}\n`
      free.push(`g${index}`)
    }
    return `${text}quorum ${last ? free.at(-1) : free[0]}\n`
  })

const naive = (member: PolicyMember, cosigned: ReadonlySet<string>): boolean =>
  member.kind === 'witness'
    ? cosigned.has(member.name)
    : member.members.filter((one) => naive(one, cosigned)).length >= member.threshold

const within = (one: ReadonlySet<string>, other: ReadonlySet<string>) => [...one].every((name) => other.has(name))
const without = (one: ReadonlySet<string>, other: ReadonlySet<string>) =>
  new Set([...one].filter((name) => !other.has(name)))

const setsOf = (policy: PolicyFile): ReadonlySet<string>[] =>
  Array.from(
    { length: 2 ** policy.witnesses.length },
    (_, bits) => new Set(policy.witnesses.filter((_, index) => (bits >> index) % 2 === 1).map(({ name }) => name)),
  )

test('the verdict, how much is missing, and what could help are those of trying every set', () => {
  fc.assert(
    fc.property(policyText, fc.nat(), (text, pick) => {
      const policy = parsePolicyFile(text)
      const quorum = policy.quorum as PolicyMember
      const sets = setsOf(policy)
      const cosigned = sets[pick % sets.length] as ReadonlySet<string>
      const verdict = judgeQuorum(policy, cosigned)
      assert.equal(verdict.kind === 'satisfied', naive(quorum, cosigned))
      if (verdict.kind === 'satisfied') return
      const enough = sets.filter((set) => within(cosigned, set) && naive(quorum, set))
      assert.equal(verdict.shortBy, Math.min(...enough.map((set) => set.size)) - cosigned.size)
      // Whoever is in a smallest set that is enough is among the missing, and all missing together are enough.
      for (const set of enough.filter((set) => set.size - cosigned.size === verdict.shortBy))
        assert(within(without(set, cosigned), new Set(verdict.missing)))
      assert(naive(quorum, new Set([...cosigned, ...verdict.missing])))
      for (const { threshold, have, lacking } of verdict.groups)
        assert(have.length < threshold && have.length + lacking.length >= threshold)
    }),
    { numRuns: 500 },
  )
})

test('how many may be down or malicious is that of trying every pair of sets', () => {
  fc.assert(
    fc.property(policyText, (text) => {
      const policy = parsePolicyFile(text)
      const quorum = policy.quorum as PolicyMember
      const sets = setsOf(policy)
      const all = new Set(policy.witnesses.map(({ name }) => name))
      const stopping = sets.filter((down) => !naive(quorum, without(all, down)))
      const enough = sets.filter((set) => naive(quorum, set))
      const shared = enough.flatMap((one) => enough.map((other) => one.size - without(one, other).size))
      assert.deepEqual(quorumSafety(policy), {
        liveWithDown: Math.min(...stopping.map((down) => down.size)) - 1,
        safeWithMalicious: shared.reduce((least, size) => Math.min(least, size)) - 1,
      })
    }),
    { numRuns: 150 },
  )
})

test('whatever the bytes, a policy is parsed or refused with a line, and never anything else', () => {
  const word = fc.constantFrom(
    'log',
    'witness',
    'group',
    'quorum',
    'any',
    'all',
    '1',
    '2',
    'w0',
    'w1',
    'none',
    '#',
    ...keys,
  )
  const lines = fc.array(
    fc.array(word, { maxLength: 5 }).map((words) => words.join(' ')),
    { maxLength: 8 },
  )
  const source = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    lines.map((some) => Buffer.from(some.map((line) => `${line}\n`).join(''))),
  )
  fc.assert(
    fc.property(source, (bytes) => {
      try {
        assert(parsePolicyFile(bytes).quorum !== undefined)
      } catch (error) {
        assert(error instanceof PolicyFileError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})
