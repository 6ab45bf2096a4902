/** A warden in a folder of its own for one test, with operators whose keys the test holds. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../host/clock.ts'
import type { ChangeDocument } from '../change-document.ts'
import { newRequest, signedBytes, type SignedRequest } from '../change-request.ts'
import { memorySigner, type OperatorSigner } from '../operator-signer.ts'
import { newEd25519 } from '../secrets.ts'
import { createWarden, openWarden, type Submitted, type Warden } from '../warden.ts'

export interface TestWarden {
  readonly dir: string
  readonly publishDir: string
  readonly vkey: string
  readonly operators: Readonly<Record<string, OperatorSigner>>
  readonly clock: { nowMs: number }
  readonly warden: Warden
  /** A request to the snapshot in force, as text. */
  text(...changes: readonly ChangeDocument[]): string
  /** Signs a text as this operator. */
  sign(text: string, operator?: string): Promise<SignedRequest>
  submit(text: string, operator?: string): Promise<Submitted>
  /** One change, signed by `mia`, who alone may do everything unless a threshold says otherwise. */
  change(...changes: readonly ChangeDocument[]): Promise<Submitted>
  /** As after a crash: whatever was not durable is gone. */
  reopen(): void
}

export function testWarden(
  test: TestContext,
  options: { readonly leaseMs?: number; readonly nowMs?: number } = {},
): TestWarden {
  const root = mkdtempSync(join(tmpdir(), 'plinth-warden-'))
  const dir = join(root, 'warden')
  const publishDir = join(root, 'authority')
  const operators: Record<string, OperatorSigner> = {}
  for (const id of ['mia', 'ben', 'eve']) operators[id] = memorySigner(id, newEd25519().privateKey)
  const clock = { nowMs: options.nowMs ?? Date.now() }
  const { vkey } = createWarden(
    { dir, publishDir },
    {
      policies: {},
      checkPolicies: () => [],
      operators: ['mia', 'ben', 'eve'].map((id) => ({
        ...{ id, algorithm: 'ed25519', publicKey: (operators[id] as OperatorSigner).publicKey },
        roles: id === 'eve' ? ['switch-on'] : ['*'],
      })),
      leaseMs: options.leaseMs ?? null,
      nowMs: clock.nowMs,
    },
  )
  const open = (): Warden =>
    openWarden({ dir, publishDir, clock: { ...systemClock, nowMs: () => clock.nowMs }, checkPolicies: () => [] })
  let warden = open()
  test.after(() => {
    warden.close()
    rmSync(root, { recursive: true, force: true })
  })
  const text: TestWarden['text'] = (...changes) =>
    newRequest(warden.current, changes, 'test', clock.nowMs, randomBytes(17))
  const sign: TestWarden['sign'] = async (request, operator = 'mia') => {
    const signature = await (operators[operator] as OperatorSigner).sign(signedBytes(request))
    return { request, operator, signature: signature.toString('base64') }
  }
  const submit: TestWarden['submit'] = async (request, operator) => warden.submit(await sign(request, operator))
  return {
    ...{ dir, publishDir, vkey, operators, clock, text, sign, submit },
    get warden() {
      return warden
    },
    change: (...changes) => submit(text(...changes)),
    reopen() {
      warden.close()
      warden = open()
    },
  }
}
