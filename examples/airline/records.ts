/** The airline's records as the outside world writes them: snake_case, money in whole dollars. Importers read them, tools answer with them. */
import { z } from 'zod'

const dollars = z.number().min(-1e9).max(1e9).describe('dollars')
/** As callers name an amount; in cents it stays a number that can be counted with. */
export const wholeDollars = z.int().min(-1e9).max(1e9).describe('dollars')
/** As callers name a number of bags. */
export const bags = z.int().min(-1e6).max(1e6)
export const date = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .describe('YYYY-MM-DD')
export const cabin = z.enum(['basic_economy', 'economy', 'business'])
export const flightType = z.enum(['one_way', 'round_trip'])
export const membership = z.enum(['regular', 'silver', 'gold'])
export type Cabin = z.infer<typeof cabin>

const seats = z.object({ basic_economy: z.int(), economy: z.int(), business: z.int() })
const prices = z.object({ basic_economy: dollars, economy: dollars, business: dollars })
const time = z.string()

export const airportRecord = z.object({ iata: z.string(), city: z.string() })

export const flightRecord = z.object({
  flight_number: z.string(),
  origin: z.string(),
  destination: z.string(),
  scheduled_departure_time_est: time,
  scheduled_arrival_time_est: time,
  dates: z.record(
    z.string(),
    z.object({
      status: z.enum(['available', 'on time', 'delayed', 'flying', 'landed', 'cancelled']),
      available_seats: seats.optional(),
      prices: prices.optional(),
      estimated_departure_time_est: time.optional(),
      estimated_arrival_time_est: time.optional(),
      actual_departure_time_est: time.optional(),
      actual_arrival_time_est: time.optional(),
    }),
  ),
})

/** One flight on one day, as searches list it. */
export const offerRecord = z.object({
  flight_number: z.string(),
  origin: z.string(),
  destination: z.string(),
  status: z.literal('available'),
  scheduled_departure_time_est: time,
  scheduled_arrival_time_est: time,
  available_seats: seats,
  prices,
  date: date.optional(),
})

export const passengerRecord = z.strictObject({ first_name: z.string(), last_name: z.string(), dob: z.string() })
export const addressRecord = z.object({
  address1: z.string(),
  address2: z.string(),
  city: z.string(),
  country: z.string(),
  state: z.string(),
  zip: z.string(),
})

export const userRecord = z.object({
  user_id: z.string(),
  name: z.object({ first_name: z.string(), last_name: z.string() }),
  address: addressRecord,
  email: z.string(),
  dob: z.string(),
  payment_methods: z.record(
    z.string(),
    z.discriminatedUnion('source', [
      z.object({ source: z.literal('gift_card'), id: z.string(), amount: dollars }),
      z.object({ source: z.literal('certificate'), id: z.string(), amount: dollars }),
      z.object({ source: z.literal('credit_card'), id: z.string(), brand: z.string(), last_four: z.string() }),
    ]),
  ),
  saved_passengers: z.array(passengerRecord),
  membership,
  reservations: z.array(z.string()),
})

export const reservationRecord = z.object({
  reservation_id: z.string(),
  user_id: z.string(),
  origin: z.string(),
  destination: z.string(),
  flight_type: flightType,
  cabin,
  flights: z.array(
    z.object({ flight_number: z.string(), origin: z.string(), destination: z.string(), date, price: dollars }),
  ),
  passengers: z.array(passengerRecord),
  payment_history: z.array(z.object({ payment_id: z.string(), amount: dollars })),
  created_at: z.string(),
  total_baggages: z.int(),
  nonfree_baggages: z.int(),
  insurance: z.enum(['yes', 'no']),
  status: z.literal('cancelled').optional(),
})

export type AirportRecord = z.infer<typeof airportRecord>
export type FlightRecord = z.infer<typeof flightRecord>
export type OfferRecord = z.infer<typeof offerRecord>
export type UserRecord = z.infer<typeof userRecord>
export type ReservationRecord = z.infer<typeof reservationRecord>
export type PassengerRecord = z.infer<typeof passengerRecord>
