/** The last step of every path that commits: the answer is given at the level that its caller asked for, or says that this is still awaited. */
import type { Acknowledgement } from './acknowledgement.ts'
import type { Level } from '../../model/acknowledgement.ts'
import type { Intent, Outcome } from '../../model/operation.ts'

/**
 * Waits for the level as long as a call waits by itself; what is declared counts beside what is asked for.
 * @param asked by whoever asks now; null asks for no more than is declared
 * @throws the signal's reason; what is committed stays so
 */
export const atLevel = (
  { acknowledgement }: { readonly acknowledgement: Acknowledgement },
  outcome: Outcome,
  asked: Level | null,
  signal: AbortSignal,
): Promise<Outcome> => acknowledgement.answer(outcome, asked, acknowledgement.waitMs, signal)

/** What an intent says of the level that its caller asks for. */
export const asking = (acknowledge: Level | null): Pick<Intent, 'acknowledge'> =>
  acknowledge === null ? {} : { acknowledge }
