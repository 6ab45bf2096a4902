/** A runtime that lets a release in without asking whether operators have signed what it changes is found by the audit. */
import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { declarationHash, type DeclarationName } from '../../model/declaration.ts'

// The engine of this process never asks.
const careless = `data:text/javascript,${encodeURIComponent('export const refuseUnsigned = () => {}')}`
registerHooks({
  resolve: (specifier, context, next) =>
    specifier.endsWith('/protected.ts') && context.parentURL?.endsWith('/engine/activate.ts') === true
      ? { url: careless, shortCircuit: true }
      : next(specifier, context),
})
const { openBank, NEVER } = await import('../../../test/support/bank-system.ts')
const { changeAuthority } = await import('../../../test/support/authority.ts')
const { audit } = await import('../../main/audit.ts')

const LEDGER = fileURLToPath(new URL('../../../test/support/ledger/', import.meta.url))
const NUDGE: DeclarationName = { kind: 'command', name: 'nudge' }

test('a release that changes what was protected, and became active all the same, is found', async (t) => {
  const ledger = await openBank(t, { application: LEDGER })
  const hash = declarationHash(ledger.release.manifest, NUDGE) as string
  await changeAuthority(ledger, { change: 'protect', entry: { ...NUDGE, hash } })
  await ledger.do('nudge', {})
  const audited = async () =>
    (await audit({ dir: ledger.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)).disagreed
  await ledger.close()
  assert.deepEqual(await audited(), [])
  const loose = await openBank(t, { application: join(LEDGER, 'loose.ts'), dir: ledger.dir })
  await loose.do('nudge', { by: 2 })
  await loose.close()
  const [found, ...more] = await audited()
  assert.deepEqual(
    [found?.action, found?.why],
    ['plinth.activate', 'command `nudge` is not as operators had signed it'],
  )
  assert.deepEqual(more, [])
})
