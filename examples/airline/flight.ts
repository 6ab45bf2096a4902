/** A flight number: the same route at the same hour, on many days. Each day has its own status, seats and prices. */
import { entity, importer, money } from 'plinth'
import type { StateOf } from 'plinth'
import { z } from 'zod'
import { centsOf, dollarsOf } from '../shared/dollars.ts'
import { cabin, flightRecord } from './records.ts'
import type { Cabin, FlightRecord, OfferRecord } from './records.ts'

const seats = z.object({ basic_economy: z.int(), economy: z.int(), business: z.int() })
const prices = z.object({ basic_economy: money(), economy: money(), business: money() })

const day = z.object({
  status: z.enum(['available', 'on time', 'delayed', 'flying', 'landed', 'cancelled']),
  /** Of a day that can be booked. */
  offer: z.object({ seats, prices }).nullable(),
  /** Of a day that is under way or over: as estimated, then as it was. */
  estimated: z.object({ departure: z.string().nullable(), arrival: z.string().nullable() }),
  actual: z.object({ departure: z.string().nullable(), arrival: z.string().nullable() }),
})
export type FlightDay = z.infer<typeof day>

const state = z.object({
  /** Place in the imported collection: searches list flights in this order. */
  ordinal: z.int(),
  origin: z.string(),
  destination: z.string(),
  departure: z.string(),
  arrival: z.string(),
  /** By date, YYYY-MM-DD. */
  days: z.record(z.string(), day),
})

export const flight = entity('flight', {
  describe: 'a flight number and the days it flies',
  state,
  events: {
    imported: state,
    'seats-taken': z.object({ date: z.string(), cabin, count: z.int().positive() }),
  },
  opens: ['imported'],
  evolve: {
    imported: (_none, imported) => imported,
    'seats-taken': (flight, { date, cabin, count }) => ({
      ...flight,
      days: Object.fromEntries(
        Object.entries(flight.days).map(([on, day]) => [on, on === date ? take(day, cabin, count) : day]),
      ),
    }),
  },
})
export type Flight = StateOf<typeof flight>

const take = (day: FlightDay, cabin: Cabin, count: number): FlightDay =>
  day.offer === null
    ? day
    : { ...day, offer: { ...day.offer, seats: { ...day.offer.seats, [cabin]: day.offer.seats[cabin] - count } } }

export const dayOf = (flight: Flight, date: string): FlightDay | undefined =>
  Object.hasOwn(flight.days, date) ? flight.days[date] : undefined

/** Has it left the ground? */
export const hasFlown = (day: FlightDay | undefined): boolean => day?.status === 'landed' || day?.status === 'flying'

export const flights = importer('flights', {
  describe: 'flight numbers, with the days they fly',
  of: flight,
  event: 'imported',
  record: z.object({ id: z.string(), value: flightRecord }),
  map: ({ id, value: record }, ordinal) => ({
    id,
    data: {
      ordinal,
      origin: record.origin,
      destination: record.destination,
      departure: record.scheduled_departure_time_est,
      arrival: record.scheduled_arrival_time_est,
      days: Object.fromEntries(
        Object.entries(record.dates).map(([date, day]) => [
          date,
          {
            status: day.status,
            offer:
              day.available_seats === undefined || day.prices === undefined
                ? null
                : { seats: day.available_seats, prices: eachCabin(day.prices, centsOf) },
            estimated: {
              departure: day.estimated_departure_time_est ?? null,
              arrival: day.estimated_arrival_time_est ?? null,
            },
            actual: { departure: day.actual_departure_time_est ?? null, arrival: day.actual_arrival_time_est ?? null },
          },
        ]),
      ),
    },
  }),
})

/** The flight as the outside writes it. */
export const flightRecordOf = (id: string, flight: Flight): FlightRecord => ({
  flight_number: id,
  origin: flight.origin,
  destination: flight.destination,
  scheduled_departure_time_est: flight.departure,
  scheduled_arrival_time_est: flight.arrival,
  dates: Object.fromEntries(
    Object.entries(flight.days).map(([date, { status, offer, estimated, actual }]) => [
      date,
      {
        status,
        ...(offer !== null && { available_seats: offer.seats, prices: eachCabin(offer.prices, dollarsOf) }),
        ...(estimated.departure !== null && { estimated_departure_time_est: estimated.departure }),
        ...(estimated.arrival !== null && { estimated_arrival_time_est: estimated.arrival }),
        ...(actual.departure !== null && { actual_departure_time_est: actual.departure }),
        ...(actual.arrival !== null && { actual_arrival_time_est: actual.arrival }),
      },
    ]),
  ),
})

type Prices = z.infer<typeof prices>
export const eachCabin = (amounts: Prices, convert: (amount: number) => number): OfferRecord['prices'] => ({
  basic_economy: convert(amounts.basic_economy),
  economy: convert(amounts.economy),
  business: convert(amounts.business),
})
