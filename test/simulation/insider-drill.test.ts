/** What insiders try is noticed: with witnesses before the acknowledgement, each time. What nothing can notice is said. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Attack } from './insider/attack.ts'
import { insiderDrill } from './insider/drill.ts'

/** `npm run drill:insider` sets both. */
const ROUNDS = Number(process.env['PLINTH_DRILL_ROUNDS'] ?? 4)
const TABLE = process.env['PLINTH_DRILL_TABLE']

/** By design; the page says what stands against each. */
const UNNOTICED = [
  'rewrites the past for who knows the key and nothing else',
  'rewrites what was only signed, before the witnesses have seen it: the witnesses',
  'cosign a rewritten past: a policy of two of three alone',
  'invents an operation at the head',
  'has records appended that nobody asked for',
]
/** Attacks on what was acknowledged as witnessed: tried at every size. */
const AT_EVERY_SIZE = 6

test('insiders', async (context) => {
  const attacks = await insiderDrill(context, ROUNDS, TABLE === undefined)
  if (TABLE !== undefined) writeFileSync(TABLE, page(attacks))
  const missed = attacks.filter(({ attack, tried, noticed }) => noticed !== (UNNOTICED.includes(attack) ? 0 : tried))
  assert.deepEqual(missed, [])
  assert.equal(
    attacks.filter(({ tried }) => tried === ROUNDS).length,
    TABLE === undefined ? AT_EVERY_SIZE - 1 : AT_EVERY_SIZE,
  )
  for (const { attack, noticed, by } of attacks) assert.equal(by.length > 0, noticed > 0, attack)
})

function page(attacks: readonly Attack[]): string {
  const rows = attacks.map(({ insider, attack, tried, noticed, by, records, calls, ms }) => {
    const after = noticed === 0 ? '– | – | –' : `${records} | ${calls} | ${ms} ms`
    return `| ${insider} | ${attack} | ${noticed} of ${tried} | ${by.join('; ') || '–'} | ${after} |`
  })
  return `# Insider drill

Written by \`npm run drill:insider\` from what it tried: running systems, three witnesses in processes of their own, a signer in its own process. Every operation of the
log that the host's root attacks was witnessed by two of three before it was acknowledged. _Records_ were committed between the attack and what noticed it, _calls_ made; 0 calls
is at the attack itself, or at the start after it. Times are those of one run on one machine, with the attack itself and starts in them. Of several tries, the most and the longest.

| insider | attack | noticed | by | records | calls | time |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

What nothing notices, and what stands against it:

- Who knows the log's key and has kept nothing sees no rewriting. Keep a head (every receipt holds one), or ask for witnesses.
- What is only \`signed\` may be rewritten by host root until the witnesses have seen it, a second later; whoever holds its receipt proves it. Ask for \`witnessed\` where that counts: effects that cannot be taken back do by themselves.
- Two of three colluding witnesses meet a policy of two of three. A split view is safe against _f_ of _n_ only where 2k − n > f; count operators, not keys, keep heads, and have heads stamped.
- What is invented at the head is signed and attributed to the log: policy, approvals and the other side's own records are against it, and anchors bound when it can have been.
- An edit that only \`plinth verify\` finds (an entry taken out of an index or a read model) stays unnoticed as long as nobody runs it: run it daily.
`
}
