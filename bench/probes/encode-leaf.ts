/** What one thread does right now with one record: encode an envelope around an event as JSON, hash it as a leaf. */
import { hash } from 'node:crypto'
import { rateOf } from '../measure/timing.ts'
import { eventData } from '../support/event-data.ts'

/** Records per second. */
export function encodeAndLeafRate(forMs: number): number {
  let position = 0
  return rateOf(forMs, () => {
    const data = eventData(position)
    const envelope = {
      position,
      stream: `account/${position % 1000}`,
      version: 1,
      type: 'added',
      at: 1,
      actor: 'a',
      data,
    }
    hash('sha256', `\0${JSON.stringify(envelope)}\n`, 'hex')
    position++
  })
}
