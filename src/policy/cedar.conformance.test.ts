/**
 * Cedar's own integration cases through our wrapper: what the engine is asked, and what its answer is turned into. The folder is read from
 * PLINTH_DATA (default `../shared/data`).
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  evaluate,
  parsePolicySet,
  parseSchema,
  splitPolicies,
  validatePolicies,
  type Entity,
  type EntityUid,
} from './cedar.ts'
import type { JsonObject } from '../model/json.ts'

const FOLDER = join(
  process.env['PLINTH_DATA'] ?? join(import.meta.dirname, '../../../shared/data'),
  'conformance/cedar',
)
// Its entities hold what the engine's JSON reader refuses; through us that is an error, so a denial.
const REFUSED = 'd358cb4'

interface Case {
  readonly id: string
  readonly policies: string
  readonly schema: string
  readonly shouldValidate: boolean
  readonly entities: readonly Entity[]
  readonly requests: readonly {
    readonly principal: EntityUid
    readonly action: EntityUid
    readonly resource: EntityUid
    readonly context: JsonObject
    readonly decision: 'allow' | 'deny'
    readonly reason: readonly string[]
    readonly errors: readonly string[]
  }[]
}

const casesOf = (file: string): readonly Case[] =>
  readFileSync(join(FOLDER, file), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Case)

const SKIP = existsSync(FOLDER) ? false : `SKIPPED: the Cedar cases are not at ${FOLDER}; nothing was compared`
for (const file of ['hand-written.jsonl', 'fuzz-corpus.jsonl'])
  test(`${file}: decisions, reasons and errors`, { skip: SKIP }, (t) => {
    const cases = casesOf(file)
    assert.deepEqual(cases.flatMap(differences), [])
    t.diagnostic(`${cases.flatMap(({ requests }) => requests).length} requests agree`)
  })

/** The engine numbers the policies of one text in order and hands them out sorted by that name. */
function differences({ id, policies, schema, shouldValidate, entities, requests }: Case): readonly string[] {
  const parts = splitPolicies(policies)
  const names = parts.map((_, index) => `policy${index}`).sort()
  const texts = Object.fromEntries(parts.map(({ text }, index) => [names[index] ?? '', text]))
  const set = parsePolicySet(texts)
  const parsed = parseSchema(schema)
  const found: string[] = []
  if (shouldValidate && validatePolicies(texts, schema).length > 0) found.push(`${id}: does not validate`)
  for (const [index, { principal, action, resource, context, decision, reason, errors }] of requests.entries()) {
    const verdict = evaluate(set, parsed, { principal, action, resource, context, entities })
    const expected = errors.length > 0 || id.startsWith(REFUSED) ? 'error' : decision
    const rules = 'rules' in verdict ? verdict.rules : []
    if (verdict.kind !== expected || (expected !== 'error' && rules.join() !== [...reason].sort().join()))
      found.push(`${id} request ${index}: ${JSON.stringify(verdict)}, not ${expected} by ${reason.join()}`)
  }
  set.release()
  parsed.release()
  return found
}
