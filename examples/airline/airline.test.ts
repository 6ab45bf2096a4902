/** The airline's support desk, whole: a started system on generated records, an agent over MCP, a front door. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startForTest } from '../../src/main/testing.ts'
import type { TestSystem } from '../../src/main/testing.ts'
import { Conversation } from '../support/conversation.ts'
import { generate } from './generate.ts'
import type { OfferRecord, ReservationRecord } from './records.ts'

const airline = generate()
const user = airline.users[0]!.value
const card = Object.values(user.payment_methods).find(({ source }) => source === 'credit_card')!
const flight = airline.flights.find(
  ({ value }) => (value.dates['2024-05-20']?.available_seats?.economy ?? 0) >= 2,
)!.value

let system: TestSystem
before(async () => void (system = await startForTest(import.meta.dirname)))
after(() => system.close())

test('an agent sees the fourteen tools of the desk', async () => {
  await using agent = await Conversation.begin(system, 'tools')
  assert.equal((await agent.tools()).filter((tool) => !tool.startsWith('plinth_')).length, 14)
})

test('booking a trip and cancelling it again: found, held, booked, seats taken; business may be cancelled', async () => {
  await using agent = await Conversation.begin(system, 'booking')
  const { origin, destination } = flight
  const search = { origin, destination, date: '2024-05-20' }
  const seats = async (): Promise<number> => {
    const offers = (await agent.call('search_direct_flight', search)).result as unknown as OfferRecord[]
    return offers.find(({ flight_number }) => flight_number === flight.flight_number)?.available_seats.economy ?? -1
  }
  const before = await seats()
  const book = {
    user_id: user.user_id,
    origin,
    destination,
    flight_type: 'one_way',
    cabin: 'economy',
    flights: [{ flight_number: flight.flight_number, date: '2024-05-20' }],
    passengers: user.saved_passengers,
    payment_methods: [{ payment_id: card.id, amount: flight.dates['2024-05-20']?.prices?.economy ?? 0 }],
    total_baggages: 0,
    nonfree_baggages: 0,
    insurance: 'no',
  }
  await agent.attest({ user_id: user.user_id })
  const held = await agent.call('book_reservation', book)
  assert.deepEqual([held.kind, held.rules], ['held', ['confirm:first']])
  assert.equal(await seats(), before)

  await agent.attest({ confirmed: true })
  const booked = await agent.call('book_reservation', book)
  assert.equal(booked.kind, 'committed')
  const reservation = booked.result as unknown as ReservationRecord
  assert.equal(reservation.reservation_id, 'HATHAT')
  assert.equal(await seats(), before - 1)

  await agent.attest({ reason: 'change of plan' })
  const cancelled = await agent.call('cancel_reservation', { reservation_id: 'HATHAT' })
  assert.equal(cancelled.kind, 'committed') // booked a moment ago
  assert.equal((cancelled.result as unknown as ReservationRecord).status, 'cancelled')
  const again = await agent.call('cancel_reservation', { reservation_id: 'HATHAT' })
  assert.deepEqual([again.kind, again.rules], ['denied', ['reservation:cancelled']])
})

test('somebody else’s reservation is neither shown nor changed', async () => {
  await using agent = await Conversation.begin(system, 'strangers')
  await agent.attest({ user_id: user.user_id, confirmed: true, reason: 'other' })
  const other = airline.reservations.find(({ value }) => value.user_id !== user.user_id)!.id
  const shown = await agent.call('get_reservation_details', { reservation_id: other })
  const cancelled = await agent.call('cancel_reservation', { reservation_id: other })
  assert.deepEqual([shown.kind, shown.rules], ['denied', ['owner:not-the-users']])
  assert.ok(cancelled.kind === 'denied' && cancelled.rules.includes('owner:not-the-users'))
})
