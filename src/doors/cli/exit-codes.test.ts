import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROBLEMS, problem, type ProblemCode } from '../../model/problems.ts'
import { EXIT, EXIT_MEANING, exitCodeOf } from './exit-codes.ts'

const EXPECTED: readonly (readonly [ProblemCode, number])[] = [
  ['usage', 2],
  ['forbidden', 4],
  ['credentials-missing', 4],
  ['storage-damaged', 6],
  ['system-unreachable', 75],
  ['operation-running', 75],
  ['invalid-input', 1],
]
for (const [code, exit] of EXPECTED)
  test(`${code} exits with ${exit}`, () => assert.equal(exitCodeOf(problem(code, '')), exit))

test('every problem has a documented exit code that is not success', () => {
  const documented = Object.keys(EXIT_MEANING).map((name) => EXIT[name as keyof typeof EXIT])
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    const exit = exitCodeOf(problem(code, ''))
    assert.ok(exit !== EXIT.ok && documented.includes(exit), code)
  }
})
