/** A runtime that lets anybody call under any run. `enterRun` of this file is put in the place of the real one (see the audit's test); the rest of the system stays what it is. */
import * as honest from '../../src/engine/run-opened.ts'

/** Whether it asks now whose a run is. */
export const runs = { asks: true }

export const enterRun: typeof honest.enterRun = async (...call) => {
  if (runs.asks) await honest.enterRun(...call)
}
export const { enterRunToRead } = honest
