/** A cell that breaks the protocol, in every way, is ended; its call is answered; the next cell goes on (X3). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CellDecision } from '../model/decision.ts'
import { CallTask } from './call-task.ts'
import { asDecision } from './decode.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { Pool } from './pool.ts'
import type { CellAnswer } from './sandbox.ts'
import { brokenJail, WAYS } from './testing/broken-cell.ts'
import { callOf, readsOf } from './testing/bundles.ts'

const limits = { ...DEFAULT_LIMITS, wallFactor: 6 }
let pool: Pool
before(async () => {
  const program = { source: '', envelope: '', probe: '', engine: '' }
  pool = new Pool({ jail: brokenJail(), program, limits, cells: 1, jit: false })
  await pool.open()
  await pool.load(1, '')
})
after(() => pool.close())

function decide(input: unknown): Promise<CellAnswer<CellDecision>> {
  const task = new CallTask(pool.newId(), 1, 'command', callOf('evil', input), readsOf(), limits, asDecision)
  pool.run(task)
  return task.answer
}

/** What the protocol allows, so that the cell may live on: the answer is a failure all the same, or is good. */
const ALLOWED = [
  'a member named __proto__',
  'a member named __proto__ by an escape',
  'an answer that is not JSON',
  'deep nesting',
  'a lone surrogate',
  'more bytes than allowed',
  'bytes that are not UTF-8',
  'a failure that is not JSON',
  'a failure of strange form',
]
const ENDED_BY_ITSELF = ['a closed pipe', 'a sudden end', 'a crash', 'half a frame and an end']
/** How soon, and for which of its reasons, depends on how busy the machine is. */
const KILLED = ['no answer at all', 'errors without end', 'bytes without sense']

for (const way of WAYS) {
  test(`a cell that gives ${way}`, async () => {
    const before = { ...pool.counters }
    const answer = await decide({ way })
    assert.equal(answer.kind, way === 'an answer twice' ? 'accepted' : 'failed', JSON.stringify(answer))
    const next = await decide({})
    assert.ok(next.kind === 'accepted' && next.result === 1)
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
    const ended = pool.counters.lies + pool.counters.crashes + pool.counters.kills
    const endedBefore = before.lies + before.crashes + before.kills
    if (ALLOWED.includes(way)) assert.equal(ended, endedBefore)
    // A process that ends by itself gets the benefit of the doubt twice.
    else if (ENDED_BY_ITSELF.includes(way)) assert.equal(pool.counters.crashes, before.crashes + 3)
    else if (KILLED.includes(way)) assert.ok(ended > endedBefore)
    else assert.equal(pool.counters.lies, before.lies + 1)
  })
}
