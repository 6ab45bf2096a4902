import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { z } from 'zod'
import { generate } from './generate.ts'
import { flightRecord, reservationRecord, userRecord } from './records.ts'

test('the generated airline is the same bytes every time, on every machine', () => {
  const bytes = JSON.stringify(generate())
  assert.equal(JSON.stringify(generate()), bytes)
  assert.equal(
    createHash('sha256').update(bytes).digest('hex'),
    'a111c0cc65fd41e21b18871961332c1eddd935001fd6606c32145cca53191329',
  )
})

test('the generated airline has its size, fits the records’ forms, and its references lead somewhere', () => {
  const { users, flights, reservations } = generate()
  assert.deepEqual([users.length, flights.length, reservations.length], [50, 60, 150])
  z.array(userRecord).parse(users.map(({ value }) => value))
  z.array(flightRecord).parse(flights.map(({ value }) => value))
  z.array(reservationRecord).parse(reservations.map(({ value }) => value))
  const userById = new Map(users.map(({ id, value }) => [id, value]))
  const flightById = new Map(flights.map(({ id, value }) => [id, value]))
  for (const { id, value } of reservations) {
    const owner = userById.get(value.user_id)
    assert.ok(owner?.reservations.includes(id), id)
    for (const { payment_id } of value.payment_history) assert.ok(owner?.payment_methods[payment_id], id)
    for (const { flight_number, date } of value.flights) assert.ok(flightById.get(flight_number)?.dates[date], id)
  }
})
