/** A release does not become active while it changes or leaves out what operators have signed; the one that is active goes on. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { changeAuthority, publishChange } from '../../test/support/authority.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { declarationHash, type DeclarationName } from '../model/declaration.ts'
import type { Problem } from '../model/problems.ts'
import type { ChangeDocument } from '../warden/change-document.ts'

const LEDGER = fileURLToPath(new URL('../../test/support/ledger/', import.meta.url))
const NUDGE: DeclarationName = { kind: 'command', name: 'nudge' }
const COUNTERS: DeclarationName = { kind: 'read-model', name: 'counters' }

const signed = ({ release }: Pick<Bank, 'release'>, one: DeclarationName): ChangeDocument => ({
  change: 'protect',
  entry: { ...one, hash: declarationHash(release.manifest, one) as string },
})

test('a changed declaration is refused until its new hash is signed; whatever is signed meanwhile, the active release opens', async (t) => {
  const ledger = await openBank(t, { application: LEDGER })
  await changeAuthority(ledger, signed(ledger, NUDGE), signed(ledger, COUNTERS))
  const { position } = await ledger.engine.self(ledger.operator, NEVER)
  await ledger.close()
  const open = (file: string) => openBank(t, { application: join(LEDGER, file), dir: ledger.dir })

  await assert.rejects(open('loose.ts'), ({ code, detail, members }: Problem) => {
    assert.deepEqual([code, detail], ['protected-declaration', 'command `nudge` is not as it was signed'])
    const [changed] = members['changed'] as { now: string; name: string }[]
    assert.match(changed?.now ?? '', /^[0-9a-f]{64}$/)
    return true
  })
  await assert.rejects(open('before.ts'), /protected-declaration: read-model `counters` is left out/)

  const same = await open('index.ts')
  await same.do('nudge', {})
  assert.ok((await same.engine.self(same.operator, NEVER)).position >= position)
  await same.close()

  const { release } = await openBank(t, { application: join(LEDGER, 'loose.ts') })
  await publishChange(ledger.dir, signed({ release }, NUDGE))
  const again = await open('index.ts')
  await again.close()
  const loose = await open('loose.ts')
  assert.equal((await loose.do('nudge', { by: 3 })).kind, 'committed')
  assert.deepEqual((await loose.engine.verify(() => {}, NEVER)).findings, [])
  await loose.close()
  await assert.rejects(open('index.ts'), { code: 'protected-declaration' })

  await publishChange(ledger.dir, { change: 'unprotect', entry: NUDGE })
  assert.equal((await (await open('index.ts')).do('nudge', {})).kind, 'committed')
})
