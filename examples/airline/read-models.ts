/** What flights can be searched by. */
import { readModel } from 'plinth'
import { z } from 'zod'
import { flight } from './flight.ts'

const perCabin = z.object({ basic_economy: z.int(), economy: z.int(), business: z.int() })

export const offers = readModel('offers', {
  describe: 'flights that can be booked, day by day',
  of: flight,
  row: z.object({
    origin: z.string(),
    destination: z.string(),
    date: z.string(),
    ordinal: z.int(),
    departure: z.string(),
    arrival: z.string(),
    seats: perCabin,
    /** Cents. */
    prices: perCabin,
  }),
  indexes: [
    ['origin', 'date', 'ordinal'],
    ['origin', 'destination', 'date', 'ordinal'],
  ],
  rows: ({ origin, destination, ordinal, departure, arrival, days }) =>
    Object.entries(days).flatMap(([date, { status, offer }]) =>
      status === 'available' && offer !== null
        ? [{ key: date, row: { origin, destination, date, ordinal, departure, arrival, ...offer } }]
        : [],
    ),
})
