import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barrelFault, faultOf, importsOf, type Import } from './import-rules.ts'

const fault = (from: string, specifier: string, typeOnly = false): string | null =>
  faultOf({ from, specifier, typeOnly })

const WRONG: readonly [string, string, boolean?][] = [
  ['src/model/ids.ts', '../host/clock.ts'],
  ['src/model/json.ts', 'zod'],
  ['src/policy/admit.ts', '../identity/authenticate.ts'],
  ['src/policy/admit.ts', 'zod'],
  ['src/transparency-log/tree.ts', 'jose'],
  ['src/application/entity.ts', '../engine/engine.ts'],
  ['src/engine/submit.ts', '../doors/http/server.ts'],
  ['src/engine/submit.ts', '../warden/publish.ts'],
  ['src/doors/http/commands.ts', '../../engine/submit.ts'],
  ['src/doors/http/commands.ts', '../../storage/sqlite/open.ts'],
  ['src/doors/http/commands.ts', '../../warden/publish.ts'],
  ['src/doors/http/commands.ts', '../cli/run.ts'],
  ['src/doors/http/commands.ts', '../../storage/storage.ts', false],
  ['src/index.ts', './engine/open.ts'],
  ['src/engine/submit.ts', '../../tools/check-imports.ts'],
  ['verifier/verify.ts', '../src/model/ids.ts'],
  ['verifier/verify.ts', 'jose'],
  ['src/client/log/watch-log.ts', '../../transparency-log/witness/server.ts'],
  ['src/client/log/watch-log.ts', '../../engine/committer/committer.ts'],
  ['src/doors/http/log-headers.ts', '../../client/log/shown.ts'],
]
for (const [from, specifier, typeOnly] of WRONG)
  test(`${from} may not import ${specifier}`, () => assert.notEqual(fault(from, specifier, typeOnly), null))

const RIGHT: readonly [string, string, boolean?][] = [
  ['src/policy/admit.ts', '../model/admission.ts'],
  ['src/policy/admit.ts', '@cedar-policy/cedar-wasm/nodejs'],
  ['src/policy/admit.ts', '../warden/authority.ts', true],
  ['src/event-log/load.ts', '../storage/storage.ts', true],
  ['src/engine/submit.ts', '../policy/admit.ts'],
  ['src/doors/http/commands.ts', '../../engine/engine.ts', true],
  ['src/doors/mcp/tools.ts', '../http/body.ts'],
  ['src/doors/cli/commands/policy.ts', '../../../warden/publish.ts'],
  ['src/main/start.ts', '../engine/open.ts'],
  ['src/index.ts', './application/entity.ts'],
  ['src/client/log/watch-log.ts', '../../transparency-log/proofs.ts'],
  ['src/doors/cli/http-client.ts', '../../client/log/watch-log.ts'],
  ['verifier/verify.ts', './tree.ts'],
  ['verifier/verify.ts', 'node:crypto'],
]
for (const [from, specifier, typeOnly] of RIGHT)
  test(`${from} may import ${specifier}`, () => assert.equal(fault(from, specifier, typeOnly), null))

test('finds every form of import, and knows which are types only', () => {
  const source = `
import type { A } from './a.ts'
import { type B, type C } from './b.ts'
import { type D, e } from './c.ts'
import './d.ts'
export { f } from './e.ts'
import {
  g,
} from './f.ts'
const h = await import('./g.ts')
type I = import('./h.ts').Name
new Worker(new URL('./i.ts', import.meta.url))
// import './not.ts'
/* import './neither.ts' */`
  const found = importsOf('src/x/y.ts', source).map((one: Import) => `${one.specifier} ${one.typeOnly}`)
  const expected = ['a true', 'b true', 'c false', 'd false', 'e false', 'f false', 'g false', 'h true', 'i false']
  assert.deepEqual(
    found.sort(),
    expected.map((text) => `./${text.replace(' ', '.ts ')}`),
  )
})

test('an inner barrel is caught', () => {
  assert.notEqual(barrelFault('src/policy/index.ts', ''), null)
  assert.notEqual(barrelFault('src/policy/all.ts', "export * from './admit.ts'"), null)
  assert.equal(barrelFault('src/index.ts', "export * from './application/entity.ts'"), null)
})
