/**
 * What a front door would know during a task, worked out from the task and the initial records: who is being served, that they said yes to what
 * was listed for them, and, for the airline, why they cancel and what they complain about. The agent never has a say in it.
 *
 * The task texts script a customer, and the calls are those that people judged right for this customer. So where a text is silent, the customer
 * is taken to have said what makes the judged call right, and no more:
 * - the reason for cancelling is `weather` where the text speaks of weather, otherwise `health` (the other reason that insurance covers);
 *   for trips that may be cancelled on other grounds it changes nothing;
 * - a certificate is for the complaint, and one of the customer's reservations, that its amount fits; delays count only when the task
 *   has changed or cancelled that reservation before.
 */
import type { JsonObject } from '../../src/model/json.ts'
import type { DomainName } from './domains.ts'

export interface Action extends JsonObject {
  readonly name: string
  readonly arguments: JsonObject
}
export interface Task extends JsonObject {
  readonly id: string
  readonly instruction: string
  readonly actions: readonly Action[]
}
/** Records of the data set, by collection and id. */
export type Records = ReadonlyMap<string, ReadonlyMap<string, JsonObject>>

/** Facts to attest before the task's first call. */
export function factsAtStart(domain: DomainName, task: Task, records: Records): JsonObject {
  const userId = servedUser(task, records)
  return {
    ...(userId === undefined ? {} : { user_id: userId }),
    confirmed: true,
    ...(domain === 'airline'
      ? { reason: /weather|storm|snow|hurricane/i.test(task.instruction) ? 'weather' : 'health' }
      : {}),
  }
}

/** Facts to attest before the call at `index`, beside those from before; null when there is nothing to add. */
export function factsBefore(domain: DomainName, task: Task, index: number, records: Records): JsonObject | null {
  const action = task.actions[index]
  if (domain !== 'airline' || action?.name !== 'send_certificate') return null
  const earlier = task.actions.slice(0, index)
  const touched = earlier.map((one) => one.arguments['reservation_id']).filter((id) => typeof id === 'string')
  const changed = earlier
    .filter(({ name }) => name.startsWith('update_') || name.startsWith('cancel_'))
    .map((one) => one.arguments['reservation_id'])
  const owned = records.get('users')?.get(String(action.arguments['user_id']))?.['reservations']
  const candidates = [...new Set([...changed, ...touched, ...(Array.isArray(owned) ? owned : [])])].map(String)
  const amount = Number(action.arguments['amount'])
  const saysDelayed = /delay/i.test(task.instruction)
  const complaints = saysDelayed ? (['delayed', 'cancelled'] as const) : (['cancelled', 'delayed'] as const)
  for (const complaint of complaints)
    for (const id of candidates) {
      const passengers = records.get('reservations')?.get(id)?.['passengers']
      const count = Array.isArray(passengers) ? passengers.length : 0
      if (amount !== (complaint === 'cancelled' ? 100 : 50) * count) continue
      const changedOrCancelled = changed.includes(id)
      if (complaint === 'delayed' && !changedOrCancelled) continue
      return {
        reservation_id: id,
        complaint,
        fact_confirmed: true,
        asked_by_user: true,
        changed_or_cancelled: changedOrCancelled,
      }
    }
  return { complaint: 'other', fact_confirmed: false, asked_by_user: true }
}

/** The customer whose records the calls are about; else whom the look-ups find; else whom the text names by id. */
function servedUser(task: Task, records: Records): string | undefined {
  for (const { arguments: input } of task.actions) {
    for (const [member, collection] of [
      ['order_id', 'orders'],
      ['reservation_id', 'reservations'],
    ] as const) {
      const owner = records.get(collection)?.get(String(input[member]))?.['user_id']
      if (typeof owner === 'string') return owner
    }
    if (typeof input['user_id'] === 'string') return input['user_id']
  }
  const users = [...(records.get('users') ?? [])]
  for (const { arguments: input } of task.actions) {
    const found = users.find(([, user]) => isFoundBy(user, input))
    if (found !== undefined) return found[0]
  }
  return task.instruction.match(/\b[a-z]+_[a-z]+_\d{4}\b/)?.[0]
}

function isFoundBy(user: JsonObject, input: JsonObject): boolean {
  const same = (a: unknown, b: unknown) =>
    typeof a === 'string' && typeof b === 'string' && a.toLowerCase() === b.toLowerCase()
  if (same(user['email'], input['email'])) return true
  const name = user['name'] as JsonObject | undefined
  const address = user['address'] as JsonObject | undefined
  return (
    same(name?.['first_name'], input['first_name']) &&
    same(name?.['last_name'], input['last_name']) &&
    address?.['zip'] === input['zip']
  )
}
