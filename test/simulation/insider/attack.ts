/** What an attack of the drill is, and how it is measured: from the attack to what noticed it, in records, calls and time. */
import { Problem } from '../../../src/model/problems.ts'

export interface Noticed {
  /** What noticed it, and the code or verdict it gave. */
  readonly by: string
  /** Records that were committed after the attack, before it was noticed. */
  readonly records: number
  /** Calls that were made after the attack, up to the one that noticed it; 0: it was noticed before any could be. */
  readonly calls: number
}

export interface Attack {
  readonly insider: string
  readonly attack: string
  readonly tried: number
  readonly noticed: number
  /** Each that noticed it in some try; empty when nothing can. */
  readonly by: readonly string[]
  /** The most and the longest, over the tries that were noticed. */
  readonly records: number
  readonly calls: number
  readonly ms: number
}

export class Drill {
  readonly attacks: Attack[] = []

  /** @param attempt attacks, and then does what anybody would, until it is noticed; null when it is not */
  async try(
    insider: string,
    attack: string,
    tries: number,
    attempt: (round: number) => Promise<Noticed | null> | Noticed | null,
  ): Promise<void> {
    const found: Noticed[] = []
    let ms = 0
    for (let round = 0; round < tries; round++) {
      const from = performance.now()
      const noticed = await attempt(round)
      if (noticed === null) continue
      ms = Math.max(ms, performance.now() - from)
      found.push(noticed)
    }
    const most = (of: 'records' | 'calls'): number => found.reduce((max, one) => Math.max(max, one[of]), 0)
    const by = [...new Set(found.map((one) => one.by))]
    const measured = { records: most('records'), calls: most('calls'), ms: Math.ceil(ms) }
    this.attacks.push({ insider, attack, tried: tries, noticed: found.length, by, ...measured })
  }
}

/** Where something was refused before anything could rest on it. */
export const atOnce = (by: string): Noticed => ({ by, records: 0, calls: 0 })

/** Codes that say: this is not what was written, or signed. */
const OF_INTEGRITY = [
  'storage-damaged',
  'log-behind-signer',
  'signer-refused',
  'signer-unconfirmed',
  'log-stopped',
  'personal-data-missing',
]
/** The code of an error that says that the log or the store was tampered with; null for any other, which is thrown on where it is no answer. */
export function integrityCode(error: unknown): string | null {
  if (!(error instanceof Problem)) throw error
  return OF_INTEGRITY.includes(error.code) ? error.code : null
}
