/** What witnesses have cosigned last of this log: the floor below which a signer that has just started must not sign. */
import { setTimeout as sleep } from 'node:timers/promises'
import { problem } from '../../model/problems.ts'
import type { NoteVerifier } from '../../model/signed-note.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { parsePolicyFile, PolicyFileError, type PolicyFile } from '../policy-file.ts'
import { WitnessClient } from '../witness/witness-client.ts'

/** Given to the other witnesses once one has answered. */
const OTHERS_WITHIN_MS = 1_000

/**
 * @param log the key in use; a witness's head must carry its signature, or that of a key before it @param retired keys before it
 * @returns the largest head; null when the policy names no witness that can be asked, or none has seen this log
 * @throws `signer-unconfirmed` when none of them answers, `witness-policy-invalid`
 */
export async function witnessedHead(
  policyText: string,
  log: NoteVerifier,
  retired: readonly NoteVerifier[] = [],
): Promise<Checkpoint | null> {
  const asked = readPolicy(policyText).witnesses.flatMap(({ name, url, key }) =>
    url === null ? [] : [{ name, url, key }],
  )
  if (asked.length === 0) return null
  const tree = { consistencyProof: () => Promise.reject(new Error('nothing is submitted')) }
  const answers = await soon(
    asked.map((address) => {
      const client = new WitnessClient(address, {
        log: { origin: log.name, keys: [log, ...retired] },
        tree: tree as never,
      })
      return client.latest(new AbortController().signal)
    }),
  )
  const heads = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value?.checkpoint ?? null] : []))
  if (heads.length === 0) {
    const why = answers.map((answer) => (answer.status === 'rejected' ? String(answer.reason) : '')).join('; ')
    throw problem('signer-unconfirmed', `none of ${asked.length} witnesses answered: ${why}`)
  }
  return heads.reduce((most, head) => (head !== null && head.size > (most?.size ?? -1) ? head : most), null)
}

/** All of them, or those that have answered a little after the first one has: a witness that is silent is not waited for to the end of its time. */
async function soon<Answer>(asked: readonly Promise<Answer>[]): Promise<readonly PromiseSettledResult<Answer>[]> {
  const answers: PromiseSettledResult<Answer>[] = []
  const each = asked.map((one) =>
    one.then(
      (value) => void answers.push({ status: 'fulfilled', value }),
      (reason: unknown) => void answers.push({ status: 'rejected', reason }),
    ),
  )
  await Promise.any(asked).catch(() => undefined)
  const settled = new AbortController()
  const late = sleep(OTHERS_WITHIN_MS, undefined, { signal: settled.signal, ref: false }).catch(() => undefined)
  await Promise.race([Promise.all(each), late])
  settled.abort()
  return [...answers]
}

function readPolicy(text: string): PolicyFile {
  try {
    return parsePolicyFile(text)
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    throw problem('witness-policy-invalid', error.message, { line: error.line }, error)
  }
}
