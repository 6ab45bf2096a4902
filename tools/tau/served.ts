/**
 * What a front door would know during a task, worked out from the task and the initial records: who is being served, that they said yes to what
 * was listed for them, and, for the airline, why they cancel and what they complain about. The agent never has a say in it.
 *
 * The task texts script a customer, and the calls are those that people judged right for this customer. So where a text is silent, the customer
 * is taken to have said what makes the judged call right, and no more:
 * - the reason for cancelling is `weather` where the text speaks of weather, otherwise `health` (the other reason that insurance covers);
 *   for trips that may be cancelled on other grounds it changes nothing;
 * - a certificate is for the complaint that its amount fits, about one of the customer's own reservations: one that may be compensated for and
 *   that the task changes or reads, before others. A customer who complains about a delay has changed or cancelled the trip.
 */
import { z } from 'zod'
import type { JsonObject } from '../../src/model/json.ts'
import type { DomainName } from './domains.ts'

const action = z.object({ name: z.string(), arguments: z.record(z.string(), z.json()).default({}) })
export const taskForm = z.object({ id: z.string(), instruction: z.string().default(''), actions: z.array(action) })

export type Action = z.infer<typeof action>
export type Task = z.infer<typeof taskForm>
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

/** Facts to attest before this call of the task, beside those from before; null when there is nothing to add. */
export function factsBefore(domain: DomainName, task: Task, action: Action, records: Records): JsonObject | null {
  if (domain !== 'airline' || action.name !== 'send_certificate') return null
  const facts = { fact_confirmed: true, asked_by_user: true }
  const changes = task.actions.filter(({ name }) => name.startsWith('update_') || name.startsWith('cancel_'))
  const changed = changes.map(({ arguments: input }) => input['reservation_id'])
  const complaints = ['cancelled', 'delayed'] as const
  const inTextOrder = /delay/i.test(task.instruction) ? complaints.toReversed() : complaints
  for (const complaint of inTextOrder)
    for (const { id, passengers } of reservationsMeant(task, action, changed, records))
      if (action.arguments['amount'] === (complaint === 'cancelled' ? 100 : 50) * passengers)
        return {
          ...facts,
          reservation_id: id,
          complaint,
          changed_or_cancelled: complaint === 'delayed' || changed.includes(id),
        }
  return { ...facts, complaint: 'other' }
}

/** The customer's reservations: those that a certificate can be for first, and among them those that the task changes or reads. */
function reservationsMeant(
  task: Task,
  { arguments: { user_id: userId } }: Action,
  changed: readonly unknown[],
  records: Records,
): readonly { readonly id: string; readonly passengers: number }[] {
  const user = records.get('users')?.get(String(userId))
  const read = task.actions.map(({ arguments: input }) => input['reservation_id'])
  const owned = Array.isArray(user?.['reservations']) ? (user['reservations'] as readonly string[]) : []
  return [...new Set([...changed, ...read, ...owned].map(String))]
    .flatMap((id) => {
      const trip = records.get('reservations')?.get(id)
      if (trip === undefined || trip['user_id'] !== userId) return []
      const eligible = user?.['membership'] !== 'regular' || trip['insurance'] === 'yes' || trip['cabin'] === 'business'
      return [{ id, eligible, passengers: Array.isArray(trip['passengers']) ? trip['passengers'].length : 0 }]
    })
    .sort((a, b) => Number(b.eligible) - Number(a.eligible))
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
