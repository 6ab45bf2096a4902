import assert from 'node:assert/strict'
import { test } from 'node:test'
import { highest, isLevel, LEVELS, reaches } from './acknowledgement.ts'

test('each level holds those before it, and signed is the least that is ever asked for', () => {
  for (const [place, level] of LEVELS.entries())
    assert.deepEqual(
      LEVELS.filter((asked) => reaches(level, asked)),
      LEVELS.slice(0, place + 1),
    )
  assert.equal(highest(), 'signed')
  assert.equal(highest('durable', null, undefined), 'signed')
  assert.equal(highest('witnessed', 'timestamped', 'signed'), 'timestamped')
  assert.ok(isLevel('witnessed') && !isLevel('Witnessed') && !isLevel(2))
})
