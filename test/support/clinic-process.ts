/** A clinic in a process of its own, to be killed: opens the directory it is given, says `ready`, erases when told to, and says `erased`. */
import assert from 'node:assert/strict'
import { openSystem } from '../../src/main/open-system.ts'
import { CLINIC, ERASURE } from './clinic-history.ts'

const dir = process.argv[2]
assert(dir !== undefined)
const system = await openSystem({ dir, application: CLINIC, signer: { kind: 'thread' } })
const operator = { bearer: system.credentials.operator.apiKey, onBehalfOf: null }
process.on('message', () => {
  void system.engine
    .erase(
      operator,
      { subject: 'patient/p-1', tenant: null, ...ERASURE, idempotencyKey: 'erase-1' },
      new AbortController().signal,
    )
    .then(({ answer }) => process.send?.(answer.kind === 'committed' ? 'erased' : answer.kind))
})
process.send?.('ready')
