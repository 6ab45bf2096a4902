/**
 * Who waits for outcomes, and how many at once: a wait keeps a request of the door for up to half a minute, and one principal with many of them must
 * not keep everybody else out, the operator first of all. Beyond the bound nobody is refused: the answer is what is known now.
 */
import type { PrincipalId } from '../model/ids.ts'

/** Of one principal: a quarter of what the HTTP door takes at once. */
export const WAITS_MAX = 256

export class Waits {
  readonly #waiting = new Map<PrincipalId, number>()

  /** False when it has to do without waiting; otherwise `end` must follow. */
  begin(principal: PrincipalId): boolean {
    const waiting = this.#waiting.get(principal) ?? 0
    if (waiting >= WAITS_MAX) return false
    this.#waiting.set(principal, waiting + 1)
    return true
  }

  end(principal: PrincipalId): void {
    const waiting = (this.#waiting.get(principal) ?? 1) - 1
    if (waiting > 0) this.#waiting.set(principal, waiting)
    else this.#waiting.delete(principal)
  }
}
