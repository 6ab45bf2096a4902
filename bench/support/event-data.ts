/** The event that everybody writes in the append benchmarks: the same members and bytes for us, the bare loop and the peers. */

export const EVENT_DATA_BYTES = 460
const NOTE = 'Delivered to the side door; the customer asked to be called before the next attempt. '.repeat(5)

export interface EventData {
  readonly amount: number
  readonly reference: string
  readonly note: string
}

/** Its JSON has `EVENT_DATA_BYTES` bytes, whatever the number. */
export function eventData(number: number): EventData {
  return { amount: 1, reference: `reference-${String(number).padStart(12, '0')}`, note: NOTE.slice(0, NOTE_LENGTH) }
}
const NOTE_LENGTH =
  EVENT_DATA_BYTES - JSON.stringify({ amount: 1, reference: 'reference-000000000000', note: '' }).length
