/**
 * Watches one log by the way of ordinary calls: with each it sends the size of the head it keeps, and holds the head that comes back against it.
 * It needs the log's public key, from wherever the caller trusts it, and nobody's word. Node only (`node:crypto`); the client itself is not.
 *
 * W1 A head is kept only when its signature verifies, and the log has proven that it goes on from the one kept before.
 * W2 A receipt is believed only when its record is in the tree of a head that W1 holds for, and is of the operation that was asked for.
 * W3 What contradicts is saved before anything is thrown.
 */
import type { Consistency, Receipt } from '../../model/receipt.ts'
import { checkpointOf } from '../../model/receipt.ts'
import { NoteError, parseVerifierKey } from '../../model/signed-note.ts'
import type { Checkpoint } from '../../transparency-log/checkpoint.ts'
import {
  logOfKey,
  openAnyCheckpoint,
  readCheckpoint,
  type PinnedLog,
} from '../../transparency-log/cosignature-checkpoint.ts'
import { compareHeads, type HeadEvidence } from '../../transparency-log/head-evidence.ts'
import { verifyIncluded } from '../../transparency-log/tlog-proof.ts'
import type { HeadStore } from './head-store.ts'
import { LogFault, type LogFaultCode } from './log-fault.ts'

/** What was kept when a call was made. */
export interface Asked {
  /** Sent with the call: 0 when nothing was kept. */
  readonly since: number
  readonly head: string | null
}
/** What came back with the answer. */
export interface Shown {
  /** The checkpoint that the answer is under, a signed note; null when none came. */
  readonly checkpoint: string | null
  /** From the size that was sent to that of the checkpoint. */
  readonly consistency: Consistency | null
  readonly receipt: Receipt | null
  /** The operation that the answer is of, when it has a receipt. */
  readonly operation: string | null
  /** The answer itself: goes along with a fault. */
  readonly answer?: unknown
}
/** Asks the log for the proof between two sizes; null when it cannot be had now. */
export type Prove = (from: number, to: number) => Promise<Consistency | null>

export interface LogWatch {
  begin(): Promise<Asked>
  /** @returns the checkpoint that the answer is under, proven @throws LogFault */
  check(asked: Asked, shown: Shown, prove: Prove): Promise<Checkpoint>
}

/** @param vkey public key of the log as `log.vkey` has it, or several while the log changes its key @throws NoteError */
export function watchLog(options: { readonly vkey: string | readonly string[]; readonly heads: HeadStore }): LogWatch {
  const keys = [options.vkey].flat().map((text) => parseVerifierKey(text.trim()))
  const [first] = keys
  if (first === undefined) throw new NoteError('the key of the log is needed')
  if (keys.some(({ name }) => name !== first.name)) throw new NoteError('the keys are those of several logs')
  const log: PinnedLog = { ...logOfKey(first), keys }
  const { heads } = options

  async function check(asked: Asked, shown: Shown, prove: Prove): Promise<Checkpoint> {
    const { checkpoint: note, consistency } = shown
    if (note === null) throw new LogFault('log-proof-invalid', 'the answer carries no checkpoint')
    const checkpoint = signed(note, log)
    if (asked.head !== null) await settle(compareHeads(asked.head, note, consistency, log), heads)
    if (shown.receipt !== null) await checkReceipt(shown.receipt, shown.operation, note, prove)
    await adopt(note, asked, prove)
    return checkpoint
  }

  /** It may be under another checkpoint than the newest, one with the cosignatures that its level asks for: then the two are held together. */
  async function checkReceipt(receipt: Receipt, operation: string | null, note: string, prove: Prove): Promise<void> {
    const own = checkpointOf(receipt)
    const fault = (why: string, cause?: unknown) =>
      new LogFault('log-proof-invalid', `the receipt: ${why}`, null, cause)
    try {
      verifyIncluded(receipt, openAnyCheckpoint(own, log))
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw fault(error.message, error)
    }
    if (operation !== null && operationIn(receipt.record) !== operation) throw fault('it is of another operation')
    if (own !== note && !(await together(own, note, prove)))
      throw fault('the log does not prove that it is part of what it shows now')
  }

  /** @returns false when their sizes differ and no proof could be had @throws LogFault */
  async function together(one: string, other: string, prove: Prove): Promise<boolean> {
    const [small, large] = readCheckpoint(one).size <= readCheckpoint(other).size ? [one, other] : [other, one]
    const [from, to] = [readCheckpoint(small).size, readCheckpoint(large).size]
    const given = from === to ? null : await prove(from, to)
    if (given === null && from !== to) return false
    await settle(compareHeads(small, large, given, log), heads)
    return true
  }

  /** While the call was under way another may have brought a newer head: then the two are held against each other as well. */
  async function adopt(note: string, asked: Asked, prove: Prove): Promise<void> {
    const now = await heads.read(log)
    if (now !== null && now !== asked.head && now !== note) {
      // Without a proof it holds against what was kept before; the newer head stays the one to go on from.
      if (!(await together(now, note, prove))) return
    }
    await heads.keep(log, note)
  }

  return {
    async begin() {
      const head = await heads.read(log)
      return { since: head === null ? 0 : openAnyCheckpoint(head, log).size, head }
    },
    async check(asked, shown, prove) {
      try {
        return await check(asked, shown, prove)
      } catch (error) {
        if (error instanceof LogFault) error.answer = shown.answer ?? null
        throw error
      }
    },
  }
}

function signed(note: string, log: PinnedLog): Checkpoint {
  try {
    return openAnyCheckpoint(note, log)
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new LogFault('log-proof-invalid', `the checkpoint: ${error.message}`, null, error)
  }
}

function operationIn(record: string): unknown {
  try {
    return (JSON.parse(record) as { readonly op?: unknown } | null)?.op
  } catch {
    return null
  }
}

const CODES: Readonly<Record<HeadEvidence['kind'], readonly [LogFaultCode, string]>> = {
  equivocation: ['log-equivocation', 'the log has signed two histories'],
  rollback: ['log-rollback', 'the log has fewer records than it has signed before'],
  withheld: ['log-proof-invalid', 'the log does not prove that it goes on from what it has signed before'],
}

/** Saves what contradicts, and throws. @throws LogFault */
export async function settle(evidence: HeadEvidence | null, heads: HeadStore): Promise<void> {
  if (evidence === null) return
  const [code, what] = CODES[evidence.kind]
  const [before, after] = evidence.heads.map((head) => readCheckpoint(head).size)
  const detail = `${what}: ${before} records were signed, and now ${after}`
  throw new LogFault(code, detail, { evidence, file: await heads.file(evidence) })
}
