/** What flies where and when, for anybody. */
import { query } from 'plinth'
import type { FoundRow } from 'plinth'
import { z } from 'zod'
import { dollarsOf } from '../../shared/dollars.ts'
import { AIRPORTS } from '../airports.ts'
import { dayAfter } from '../clock.ts'
import { dayOf, eachCabin, flight } from '../flight.ts'
import { offers } from '../read-models.ts'
import { airportRecord, date, offerRecord } from '../records.ts'
import type { OfferRecord } from '../records.ts'

/** Flights that leave one airport on one day: the whole network has a few hundred. */
const DEPARTURES_MAX = 500

export const listAllAirports = query('list_all_airports', {
  describe: 'List all airports that the airline flies to.',
  input: z.strictObject({}),
  output: z.array(airportRecord),
  read: () => [...AIRPORTS],
})

export const getFlightStatus = query('get_flight_status', {
  describe: 'Read the status of a flight on a day: available, on time, delayed, flying, landed or cancelled.',
  input: z.strictObject({ flight_number: flight.id(), date }),
  output: z.string(),
  async read(tx, { flight_number, date }) {
    const day = dayOf(await tx.get(flight, flight_number), date)
    return day?.status ?? tx.refuse('not-found', { flight_number, date })
  },
})

export const searchDirectFlight = query('search_direct_flight', {
  describe: 'Find direct flights between two airports that can be booked for a day.',
  input: z.strictObject({ origin: z.string(), destination: z.string(), date }),
  output: z.array(offerRecord),
  async read(tx, { origin, destination, date }) {
    const found = await tx.find(offers, {
      where: { origin, destination, date },
      order: ['ordinal'],
      limit: DEPARTURES_MAX,
    })
    return found.map(offerRecordOf)
  },
})

export const searchOnestopFlight = query('search_onestop_flight', {
  describe: 'Find trips with one change between two airports that can be booked for a day.',
  input: z.strictObject({ origin: z.string(), destination: z.string(), date }),
  output: z.array(z.array(offerRecord)),
  async read(tx, { origin, destination, date }) {
    const trips: OfferRecord[][] = []
    const departures = await tx.find(offers, { where: { origin, date }, order: ['ordinal'], limit: DEPARTURES_MAX })
    for (const first of departures) {
      // An arrival on the next day is written `01:30:00+1`.
      const onward = first.row.arrival.includes('+1') ? dayAfter(date) : date
      const seconds = await tx.find(offers, {
        where: { origin: first.row.destination, destination, date: onward },
        order: ['ordinal'],
        limit: DEPARTURES_MAX,
      })
      for (const second of seconds)
        if (second.row.departure >= first.row.arrival)
          trips.push([
            { ...offerRecordOf(first), date },
            { ...offerRecordOf(second), date: onward },
          ])
    }
    return trips
  },
})

type Offer = FoundRow<z.infer<typeof offers.row>>

const offerRecordOf = ({ id, row }: Offer): OfferRecord => ({
  flight_number: id,
  origin: row.origin,
  destination: row.destination,
  status: 'available',
  scheduled_departure_time_est: row.departure,
  scheduled_arrival_time_est: row.arrival,
  available_seats: row.seats,
  prices: eachCabin(row.prices, dollarsOf),
})
