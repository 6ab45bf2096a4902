/** A runtime that lets somebody call under another's run, or does not say who opened one, is found by the audit and by the verifier. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { runs } from '../../../test/support/dishonest-runs.ts'
import { parseKey } from '../../../verifier/verify.ts'

// The path of this process's engine gets the dishonest one.
const dishonest = new URL('../../../test/support/dishonest-runs.ts', import.meta.url).href
registerHooks({
  resolve: (specifier, context, next) =>
    specifier.endsWith('/run-opened.ts') && context.parentURL?.endsWith('/engine/submit.ts') === true
      ? { url: dishonest, shortCircuit: true }
      : next(specifier, context),
})
const { NEVER, openBank, temporaryDirectory } = await import('../../../test/support/bank-system.ts')
const { addPrincipalWithKey } = await import('../../../test/support/authority.ts')
const { audit } = await import('../../main/audit.ts')
const { exportLog } = await import('../../main/export-log.ts')
const { verifyBytes } = await import('../../../test/vectors/bundle/forge.ts')

test('a call under a run that was not open to its caller is found, and so is one under a run that nobody had opened', async (t) => {
  const bank = await openBank(t)
  const other = await addPrincipalWithKey(bank, { id: 'other', kind: 'agent', roles: ['agent'], tenant: 'default' })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  const deposit = async (run: string, as = bank.agent): Promise<number> => {
    const outcome = await bank.do('deposit', { account: 'a', amount: 1 }, { run, as })
    assert.equal(outcome.kind, 'committed')
    return outcome.kind === 'committed' ? outcome.position : -1
  }
  runs.asks = false
  const before = await deposit('from-before', other) // as by a version that opened no runs
  runs.asks = true
  await deposit('chat')
  runs.asks = false
  const found = [await deposit('chat', other), await deposit('unopened', other)]
  runs.asks = true
  await deposit('chat')
  await bank.close()
  assert.ok(before >= 0)

  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(
    report.disagreed.map(({ position, why }) => [position, why]),
    found.map((position) => [position, 'its run was not open to who called under it']),
  )
  const file = join(await temporaryDirectory(t), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const logs = [parseKey((await readFile(join(bank.dir, 'log.vkey'), 'utf8')).trim())]
  const verified = verifyBytes(await readFile(file), { logs, policy: null, heads: [] })
  assert.equal(verified.verdict, 'INVALID')
  assert.deepEqual([...new Set(verified.findings.map(({ position }) => position))], found)
})
