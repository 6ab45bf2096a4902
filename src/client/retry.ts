/** Trying again, within bounds, with growing pauses. Cancelled at once by its signal. */

/** Tries in all, and pauses between them in ms: about 3 s at most. */
export const TRIES_MAX = 5
const PAUSES_MS = [100, 200, 800, 2_000]

/**
 * @param once one try; answers `again` with the reason when another try may help
 * @returns the first value, or the last reason
 */
export async function retried<Value, Reason>(
  once: () => Promise<{ readonly value: Value } | { readonly again: Reason }>,
  pause: (ms: number) => Promise<void>,
): Promise<{ readonly value: Value } | { readonly gaveUp: Reason }> {
  for (let tried = 1; ; tried++) {
    const answer = await once()
    if ('value' in answer) return answer
    const pauseMs = PAUSES_MS[tried - 1]
    if (tried >= TRIES_MAX || pauseMs === undefined) return { gaveUp: answer.again }
    await pause(pauseMs)
  }
}

/** Between half and all of `ms`, so that callers that failed together do not come back together. Rejects with the signal's reason. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      },
      ms * (0.5 + Math.random() / 2),
    )
    signal?.addEventListener('abort', stop, { once: true })
  })
}
