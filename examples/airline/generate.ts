/**
 * Records for an airline to try things on: 50 customers, 60 flights over a month, 150 reservations, always the same ones. It is 15 May 2024 in
 * them: flights before that day have flown, flights after it can be booked.
 */
import { base, en, Faker } from '@faker-js/faker'
import { AIRPORTS } from './airports.ts'
import { freeBags } from './baggage.ts'
import type { Cabin, FlightRecord, ReservationRecord, UserRecord } from './records.ts'

export const USERS = 50
export const FLIGHTS = 60
export const RESERVATIONS = 150
const SEED = 20_240_515
const TODAY = 15
const DAYS = 30
/** The network: few enough places that most pairs are connected. */
const CITIES = AIRPORTS.slice(0, 6).map(({ iata }) => iata)

interface Line<Value> {
  readonly id: string
  readonly value: Value
}
export interface Airline {
  readonly users: readonly Line<UserRecord>[]
  readonly flights: readonly Line<FlightRecord>[]
  readonly reservations: readonly Line<ReservationRecord>[]
}

/** By importer, in the form that the importers take. */
export function generate(): Airline {
  const faker = new Faker({ locale: [en, base], seed: SEED })
  faker.setDefaultRefDate('2024-05-15T00:00:00Z')
  const taken = new Set<string>()
  /** Never the same text twice. */
  const unique = (make: () => string): string => {
    let text = make()
    while (taken.has(text)) text = make()
    taken.add(text)
    return text
  }
  const flights = Array.from({ length: FLIGHTS }, (_, index) => flightOf(faker, index))
  const users = Array.from({ length: USERS }, () => userOf(faker, unique))
  const reservations = Array.from({ length: RESERVATIONS }, () =>
    reservationOf(faker, unique, faker.helpers.arrayElement(users), flights),
  )
  for (const user of users)
    user.reservations = reservations
      .filter(({ user_id }) => user_id === user.user_id)
      .map(({ reservation_id }) => reservation_id)
  return {
    users: users.map((value) => ({ id: value.user_id, value })),
    flights: flights.map((value) => ({ id: value.flight_number, value })),
    reservations: reservations.map((value) => ({ id: value.reservation_id, value })),
  }
}

type Unique = (make: () => string) => string
const dateOf = (day: number): string => `2024-05-${String(day).padStart(2, '0')}`
const clockOf = (minutes: number): string => {
  const time = minutes % (24 * 60)
  const text = `${String(Math.floor(time / 60)).padStart(2, '0')}:${String(time % 60).padStart(2, '0')}:00`
  return minutes < 24 * 60 ? text : `${text}+1`
}

/** All pairs of cities in turn, so that each has at least one flight and some have two. */
function flightOf(faker: Faker, index: number): FlightRecord {
  const pairs = CITIES.flatMap((from) => CITIES.filter((to) => to !== from).map((to) => [from, to] as const))
  const [origin, destination] = pairs[index % pairs.length] ?? ['SFO', 'JFK']
  const departure = faker.number.int({ min: 5 * 12, max: 22 * 12 }) * 5
  const arrival = departure + faker.number.int({ min: 14, max: 70 }) * 5
  const days = Array.from(
    { length: DAYS },
    (_, at) => [dateOf(at + 1), dayOf(faker, at + 1, departure, arrival)] as const,
  )
  return {
    flight_number: `PLN${String(index + 1).padStart(3, '0')}`,
    origin,
    destination,
    scheduled_departure_time_est: clockOf(departure),
    scheduled_arrival_time_est: clockOf(arrival),
    dates: Object.fromEntries(days),
  }
}

function dayOf(faker: Faker, day: number, departure: number, arrival: number): FlightRecord['dates'][string] {
  const at = (minutes: number) => `${dateOf(day + (minutes >= 24 * 60 ? 1 : 0))}T${clockOf(minutes).slice(0, 8)}`
  const late = faker.number.int({ min: 0, max: 50 })
  if (day <= TODAY && faker.datatype.boolean(0.08)) return { status: 'cancelled' }
  if (day < TODAY)
    return {
      status: 'landed',
      actual_departure_time_est: at(departure + late),
      actual_arrival_time_est: at(arrival + late),
    }
  if (day === TODAY) {
    const status = faker.helpers.arrayElement(['flying', 'on time', 'delayed'] as const)
    const left = { actual_departure_time_est: at(departure + late) }
    const leaves = { estimated_departure_time_est: at(departure + late) }
    return { status, ...(status === 'flying' ? left : leaves), estimated_arrival_time_est: at(arrival + late) }
  }
  const seats = () => faker.number.int({ min: 0, max: 20 })
  const price = faker.number.int({ min: 50, max: 150 })
  return {
    status: 'available',
    available_seats: { basic_economy: seats(), economy: seats(), business: seats() },
    prices: { basic_economy: price, economy: price + 60, business: price * 3 },
  }
}

function userOf(faker: Faker, unique: Unique): UserRecord {
  const first = faker.person.firstName()
  const last = faker.person.lastName()
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z]/g, '')
  const sources = [
    'credit_card',
    ...faker.helpers.arrayElements(['gift_card', 'certificate', 'gift_card'] as const),
  ] as const
  const methods = sources.map((source) => paymentMethodOf(faker, unique, source))
  return {
    user_id: unique(() => `${plain(first)}_${plain(last)}_${faker.string.numeric(4)}`),
    name: { first_name: first, last_name: last },
    address: {
      address1: faker.location.streetAddress(),
      address2: `Suite ${faker.string.numeric({ length: 3, allowLeadingZeros: false })}`,
      city: faker.location.city(),
      country: 'USA',
      state: faker.location.state({ abbreviated: true }),
      zip: faker.location.zipCode('#####'),
    },
    email: unique(() => `${plain(first)}.${plain(last)}${faker.string.numeric(3)}@example.org`),
    dob: birthday(faker),
    payment_methods: Object.fromEntries(methods.map((method) => [method.id, method])),
    saved_passengers: [passengerOf(faker)],
    membership: faker.helpers.arrayElement(['regular', 'silver', 'gold']),
    reservations: [],
  }
}

function paymentMethodOf(
  faker: Faker,
  unique: Unique,
  source: 'credit_card' | 'gift_card' | 'certificate',
): UserRecord['payment_methods'][string] {
  const id = unique(() => `${source}_${faker.string.numeric({ length: 7, allowLeadingZeros: false })}`)
  if (source !== 'credit_card') return { source, id, amount: faker.helpers.arrayElement([50, 100, 150, 250, 500]) }
  return { source, id, brand: faker.helpers.arrayElement(['visa', 'mastercard']), last_four: faker.string.numeric(4) }
}

const birthday = (faker: Faker): string =>
  faker.date.birthdate({ mode: 'year', min: 1950, max: 2000 }).toISOString().slice(0, 10)
const passengerOf = (faker: Faker) => ({
  first_name: faker.person.firstName(),
  last_name: faker.person.lastName(),
  dob: birthday(faker),
})

function reservationOf(
  faker: Faker,
  unique: Unique,
  user: UserRecord,
  flights: readonly FlightRecord[],
): ReservationRecord {
  const there = faker.helpers.arrayElement(flights)
  const back = flights.find(({ origin, destination }) => origin === there.destination && destination === there.origin)
  const flight_type = back !== undefined && faker.datatype.boolean() ? 'round_trip' : 'one_way'
  const cabin: Cabin = faker.helpers.arrayElement(['basic_economy', 'economy', 'business'])
  const leaves = faker.number.int({ min: 8, max: 25 })
  const priced = (flight: FlightRecord, day: number) => ({
    flight_number: flight.flight_number,
    origin: flight.origin,
    destination: flight.destination,
    date: dateOf(day),
    price: flight.dates[dateOf(day)]?.prices?.[cabin] ?? faker.number.int({ min: 60, max: 400 }),
  })
  const legs = [priced(there, leaves)]
  if (flight_type === 'round_trip' && back !== undefined)
    legs.push(priced(back, leaves + faker.number.int({ min: 1, max: 4 })))
  const passengers = Array.from({ length: faker.number.int({ min: 1, max: 3 }) }, () => passengerOf(faker))
  const insurance = faker.helpers.arrayElement(['yes', 'no'] as const)
  const total_baggages = faker.number.int({ min: 0, max: 4 })
  const nonfree_baggages = Math.max(0, total_baggages - freeBags(user.membership, cabin, passengers.length))
  const fares = legs.reduce((sum, { price }) => sum + price, 0) + (insurance === 'yes' ? 30 : 0)
  const created = faker.date.between({ from: '2024-05-01T05:00:00Z', to: '2024-05-08T04:00:00Z' })
  return {
    reservation_id: unique(() => faker.string.alphanumeric({ length: 6, casing: 'upper' })),
    user_id: user.user_id,
    origin: there.origin,
    destination: there.destination,
    flight_type,
    cabin,
    flights: legs,
    passengers,
    payment_history: [
      {
        payment_id: Object.keys(user.payment_methods)[0] ?? '',
        amount: fares * passengers.length + 50 * nonfree_baggages,
      },
    ],
    created_at: created.toISOString().slice(0, 19),
    total_baggages,
    nonfree_baggages,
    insurance,
  }
}
