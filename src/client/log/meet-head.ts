/** A head that somebody else has: held against the one that is kept. Nobody is trusted but the log's own signature. */
import { checkpointOf, type Receipt } from '../../model/receipt.ts'
import { NoteError, parseVerifierKey } from '../../model/signed-note.ts'
import { openAnyCheckpoint, type PinnedLog } from '../../transparency-log/cosignature-checkpoint.ts'
import { compareHeads } from '../../transparency-log/head-evidence.ts'
import type { HeadStore } from './head-store.ts'
import { LogFault } from './log-fault.ts'
import { settle, type Prove } from './watch-log.ts'

export interface Meeting {
  /** `unknown`: the sizes differ, and no proof between them could be had. */
  readonly result: 'same' | 'older' | 'newer' | 'first' | 'unknown'
  /** Sizes. */
  readonly shown: number
  readonly kept: number
}

/**
 * @param text a signed note, a tlog-proof, a receipt, or an answer that carries one of them
 * @throws LogFault `log-equivocation` when the two cannot both be true; `log-proof-invalid` when it is no head of this log
 */
export async function meetHead(
  text: string,
  { vkeys, heads, prove }: { readonly vkeys: readonly string[]; readonly heads: HeadStore; readonly prove: Prove },
): Promise<Meeting> {
  const keys = vkeys.map(parseVerifierKey)
  const log: PinnedLog = { origin: keys[0]?.name ?? '', keys }
  const note = noteIn(text)
  let shown: number
  try {
    shown = openAnyCheckpoint(note, log).size
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new LogFault('log-proof-invalid', `this is no head of \`${log.origin}\`: ${error.message}`, null, error)
  }
  const head = await heads.read(log)
  if (head === null) {
    await heads.keep(log, note)
    return { result: 'first', shown, kept: shown }
  }
  const kept = openAnyCheckpoint(head, log).size
  if (shown === 0) return { result: 'older', shown, kept } // every log begins with nothing
  const [small, large] = shown < kept ? [note, head] : [head, note]
  const [from, to] = [Math.min(shown, kept), Math.max(shown, kept)]
  const given = from === to ? null : await prove(from, to)
  const evidence = compareHeads(small, large, given, log)
  if (evidence?.kind === 'withheld') return { result: 'unknown', shown, kept }
  await settle(evidence, heads)
  await heads.keep(log, note)
  return { result: shown === kept ? 'same' : shown < kept ? 'older' : 'newer', shown, kept }
}

/** The checkpoint in whatever form it comes. */
function noteIn(text: string): string {
  if (text.startsWith('c2sp.org/tlog-proof@v1\n')) return checkpointOf({ proof: text } as Receipt)
  try {
    const value = JSON.parse(text) as { readonly [name: string]: unknown } | null
    const { receipt, proof, checkpoint } = { ...value, ...(value?.['receipt'] as object | undefined) } as {
      readonly [name: string]: unknown
    }
    if (typeof proof === 'string') return checkpointOf({ proof } as Receipt)
    return typeof checkpoint === 'string' ? checkpoint : String(receipt ?? '')
  } catch {
    return text
  }
}
