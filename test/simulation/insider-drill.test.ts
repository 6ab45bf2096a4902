/** What insiders try is noticed: with witnesses before the acknowledgement, each time. What nothing can notice is said. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { insiderDrill, type Attack } from './insider-drill.ts'

/** `npm run drill:insider` sets both. */
const ROUNDS = Number(process.env['PLINTH_DRILL_ROUNDS'] ?? 4)
const TABLE = process.env['PLINTH_DRILL_TABLE']

/** By design; the page says what stands against each. */
const UNNOTICED = [
  'rewrites the past for who knows the key and nothing else',
  'cosign a rewritten past: a policy of two of three alone',
  'invents an operation at the head',
  'has records appended that nobody asked for',
]

test('insiders', async (context) => {
  const attacks = await insiderDrill(context, ROUNDS)
  if (TABLE !== undefined) writeFileSync(TABLE, page(attacks))
  for (const { insider, attack, tried, noticed } of attacks)
    assert.equal(
      noticed,
      UNNOTICED.includes(attack) ? 0 : tried,
      `${insider}: ${attack}: noticed ${noticed} of ${tried}`,
    )
  assert.equal(attacks.filter(({ tried }) => tried === ROUNDS).length, 5)
})

function page(attacks: readonly Attack[]): string {
  const rows = attacks.map(
    ({ insider, attack, tried, noticed, by, records, ms }) =>
      `| ${insider} | ${attack} | ${noticed} of ${tried} | ${by === '' ? '–' : by} | ${by === '' ? '–' : `${records} records, ${ms} ms`} |`,
  )
  return `# Insider drill

Written by \`npm run drill:insider\` from what it tried: a running log, three witnesses in processes of their own, a signer in its own process. Every operation was
witnessed by two of three before it was acknowledged. Times are those of one run on one machine, the longest of the tries.

| insider | attack | noticed | by | after |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

What nothing notices, and what stands against it:

- Who knows the log's key and has kept nothing sees no rewriting. Keep a head (every receipt holds one), or ask for witnesses.
- Two of three colluding witnesses meet a policy of two of three. A split view is safe against _f_ of _n_ only where 2k − n > f; count operators, not keys, and keep heads.
- What is invented at the head is signed and attributed to the log: policy, approvals and the other side's own records are against it, and anchors bound when it can have been.
`
}
