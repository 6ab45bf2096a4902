/** The legs of a trip: looking them up, pricing them, and whether they lead where the trip is meant to go. */
import type { ReadTransaction } from 'plinth'
import { dayOf, flight } from './flight.ts'
import type { Flight, FlightDay } from './flight.ts'
import type { Cabin } from './records.ts'
import { because } from './refusals.ts'
import type { Reason } from './refusals.ts'
import type { Leg } from './reservation.ts'

/** A leg as a caller names it. */
export interface NamedLeg {
  readonly flight_number: string
  readonly date: string
}
/** A leg as named, with what is known of it. */
export interface FoundLeg extends NamedLeg {
  readonly flight: Flight | undefined
  readonly day: FlightDay | undefined
}

export async function findLegs(
  tx: Pick<ReadTransaction<never, never, never>, 'lookup'>,
  legs: readonly NamedLeg[],
): Promise<FoundLeg[]> {
  const found: FoundLeg[] = []
  for (const { flight_number, date } of legs) {
    const known = await tx.lookup(flight, flight_number)
    found.push({ flight_number, date, flight: known, day: known && dayOf(known, date) })
  }
  return found
}

/** A leg at today's price, if that many can still sit in that cabin. */
export function offerOf(
  { flight_number, date, flight, day }: FoundLeg,
  cabin: Cabin,
  passengers: number,
): Leg | Reason<'flight-not-found' | 'flight-unavailable' | 'no-seats'> {
  const about = { flight_number, date }
  if (flight === undefined || day === undefined) return because('flight-not-found', about)
  if (day.status !== 'available' || day.offer === null)
    return because('flight-unavailable', { ...about, status: day.status })
  if (day.offer.seats[cabin] < passengers) return because('no-seats', { ...about, seats: day.offer.seats[cabin] })
  return {
    flightNumber: flight_number,
    origin: flight.origin,
    destination: flight.destination,
    date,
    price: day.offer.prices[cabin],
  }
}

/** Do the legs join up, from the origin to the destination, and back again on a round trip? */
export function leads(
  legs: readonly FoundLeg[],
  trip: { readonly origin: string; readonly destination: string; readonly flightType: 'one_way' | 'round_trip' },
): boolean {
  let at = trip.origin
  let reached = false
  for (const { flight } of legs) {
    if (flight?.origin !== at) return false
    at = flight.destination
    reached ||= at === trip.destination
  }
  return reached && at === (trip.flightType === 'one_way' ? trip.destination : trip.origin)
}

/** The legs of a reservation, as a caller would name them. */
export const namedLeg = ({ flightNumber, date }: Leg): NamedLeg => ({ flight_number: flightNumber, date })
export const namedLegs = ({ legs }: { readonly legs: readonly Leg[] }): NamedLeg[] => legs.map(namedLeg)

export const legKey = ({ flight_number, date }: NamedLeg): string => `${flight_number} ${date}`
