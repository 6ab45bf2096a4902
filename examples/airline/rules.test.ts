/** The airline's rules, one by one: what its commands refuse, and what its policies deny or hold. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { JsonObject } from '../../src/model/json.ts'
import { Desk } from '../support/desk.ts'
import airline from './index.ts'
import type { Cabin, FlightRecord, ReservationRecord, UserRecord } from './records.ts'

/** 15 May 2024, 15:00 in New York, in standard time. */
const NOW = Date.parse('2024-05-15T15:00:00-05:00')

const address = { address1: '1 Quay', address2: '', city: 'Denver', country: 'USA', state: 'CO', zip: '80014' }
const customer = (user_id: string, membership: UserRecord['membership']): UserRecord => ({
  user_id,
  name: { first_name: 'Mia', last_name: 'Okafor' },
  address,
  email: `${user_id}@example.org`,
  dob: '1990-01-01',
  payment_methods: {
    card: { source: 'credit_card', id: 'card', brand: 'visa', last_four: '1234' },
    card2: { source: 'credit_card', id: 'card2', brand: 'visa', last_four: '5678' },
    gift1: { source: 'gift_card', id: 'gift1', amount: 100 },
    gift2: { source: 'gift_card', id: 'gift2', amount: 100 },
    gift3: { source: 'gift_card', id: 'gift3', amount: 100 },
    gift4: { source: 'gift_card', id: 'gift4', amount: 100 },
    paper1: { source: 'certificate', id: 'paper1', amount: 250 },
    paper2: { source: 'certificate', id: 'paper2', amount: 250 },
  },
  saved_passengers: [],
  membership,
  reservations: [],
})
const flight = (flight_number: string, origin: string, destination: string): FlightRecord => {
  const available = {
    status: 'available' as const,
    available_seats: { basic_economy: 9, economy: 9, business: 2 },
    prices: { basic_economy: 50, economy: 100, business: 300 },
  }
  return {
    flight_number,
    origin,
    destination,
    scheduled_departure_time_est: '08:00:00',
    scheduled_arrival_time_est: '10:00:00',
    dates: {
      '2024-05-14': { status: 'landed' },
      '2024-05-15': { status: 'delayed' },
      '2024-05-16': { status: 'cancelled' },
      '2024-05-20': available,
      '2024-05-21': available,
    },
  }
}
const FLIGHTS = [
  flight('OUT', 'JFK', 'SFO'),
  flight('BACK', 'SFO', 'JFK'),
  flight('FAR', 'JFK', 'SEA'),
  flight('ON', 'SEA', 'SFO'),
]

const person = { first_name: 'Ada', last_name: 'Reed', dob: '1980-01-01' }
const trip = (reservation_id: string, more: Partial<ReservationRecord> = {}): ReservationRecord => ({
  reservation_id,
  user_id: 'regular',
  origin: 'JFK',
  destination: 'SFO',
  flight_type: 'one_way',
  cabin: 'economy',
  flights: [leg('OUT', '2024-05-20')],
  passengers: [person, person],
  payment_history: [{ payment_id: 'card', amount: 200 }],
  created_at: '2024-05-10T10:00:00',
  total_baggages: 1,
  nonfree_baggages: 0,
  insurance: 'no',
  ...more,
})
const leg = (flight_number: string, date: string, price = 100) => {
  const { origin, destination } = FLIGHTS.find((one) => one.flight_number === flight_number)!
  return { flight_number, origin, destination, date, price }
}
const flownLegs = { flights: [leg('OUT', '2024-05-14'), leg('BACK', '2024-05-20')], flight_type: 'round_trip' as const }
const TRIPS = [
  trip('PLAIN'),
  trip('BASIC', { cabin: 'basic_economy' }),
  trip('BUSIN', { cabin: 'business' }),
  trip('INSUR', { insurance: 'yes' }),
  trip('FRESH', { created_at: '2024-05-14T15:00:00' }),
  trip('STALE', { created_at: '2024-05-14T14:59:59' }),
  trip('STRUCK', { flights: [leg('OUT', '2024-05-16')] }),
  trip('FLOWN', { ...flownLegs, cabin: 'business' }),
  trip('ROUND', { flights: [leg('OUT', '2024-05-20'), leg('BACK', '2024-05-21')], flight_type: 'round_trip' }),
  trip('GONE', { cabin: 'business', status: 'cancelled' }),
  trip('SILVR', { user_id: 'silver' }),
  trip('GOLDB', { user_id: 'gold', cabin: 'basic_economy' }),
]

const opened = new Desk(airline, join(import.meta.dirname, 'policies'))
after(() => opened[Symbol.dispose]())

function desk(): Desk {
  const users = (['regular', 'silver', 'gold'] as const).map((level) => customer(level, level))
  opened
    .reset()
    .import(
      'users',
      users.map((value) => ({ id: value.user_id, value })),
    )
    .import(
      'flights',
      FLIGHTS.map((value) => ({ id: value.flight_number, value })),
    )
    .import(
      'reservations',
      TRIPS.map((value) => ({ id: value.reservation_id, value })),
    )
  return opened
}

const SERVED = { user_id: 'regular', confirmed: true }
const because = (reason: string) => ({ ...SERVED, reason })
const as = (user_id: string) => ({ ...SERVED, user_id })

const booking = {
  user_id: 'regular',
  origin: 'JFK',
  destination: 'SFO',
  flight_type: 'one_way',
  cabin: 'economy' as Cabin,
  flights: [{ flight_number: 'OUT', date: '2024-05-20' }],
  passengers: [person],
  payment_methods: [{ payment_id: 'card', amount: 100 }],
  total_baggages: 1,
  nonfree_baggages: 0,
  insurance: 'no',
}
const pays = (...payment_ids: readonly string[]) => ({
  ...booking,
  payment_methods: payment_ids.map((payment_id, index) => ({
    payment_id,
    amount: index === 0 ? 100 - 10 * (payment_ids.length - 1) : 10,
  })),
})
const persons = (count: number) => ({
  ...booking,
  passengers: Array.from({ length: count }, () => person),
  payment_methods: [{ payment_id: 'card', amount: 100 * count }],
})
const legs = (...named: readonly (readonly [string, string])[]) =>
  named.map(([flight_number, date]) => ({ flight_number, date }))
const update = (reservation_id: string, cabin: Cabin, ...named: readonly (readonly [string, string])[]) => ({
  reservation_id,
  cabin,
  flights: legs(...named),
  payment_id: 'card',
})
const bags = (reservation_id: string, total_baggages: number, nonfree_baggages: number, payment_id = 'card') => ({
  reservation_id,
  total_baggages,
  nonfree_baggages,
  payment_id,
})
const gesture = (reservation_id: string, complaint: string, more: JsonObject = {}) => ({
  user_id: 'silver',
  confirmed: true,
  reservation_id,
  complaint,
  fact_confirmed: true,
  asked_by_user: true,
  changed_or_cancelled: false,
  ...more,
})
const give = (amount: number, user_id = 'silver') => ({ user_id, amount })

type Case = readonly [tool: string, input: JsonObject, attested: JsonObject, verdict: string, rule: string]
const CASES: readonly Case[] = [
  // whose it is, and whether they said yes
  ['get_user_details', { user_id: 'regular' }, SERVED, 'admitted', 'profile:read'],
  ['get_user_details', { user_id: 'gold' }, SERVED, 'denied', 'owner:not-the-users'],
  ['get_reservation_details', { reservation_id: 'PLAIN' }, {}, 'denied', 'owner:not-the-users'],
  [
    'cancel_reservation',
    { reservation_id: 'BUSIN' },
    { ...because('other'), user_id: 'gold' },
    'denied',
    'owner:not-the-users',
  ],
  ['book_reservation', { ...booking, user_id: 'gold' }, SERVED, 'denied', 'owner:not-the-users'],
  ['cancel_reservation', { reservation_id: 'BUSIN' }, { user_id: 'regular', reason: 'other' }, 'held', 'confirm:first'],
  ['book_reservation', booking, { user_id: 'regular' }, 'held', 'confirm:first'],
  ['search_direct_flight', { origin: 'JFK', destination: 'SFO', date: '2024-05-20' }, {}, 'admitted', 'timetable:read'],
  ['transfer_to_human_agents', { summary: 'lost' }, {}, 'admitted', 'colleague:call'],
  // booking
  ['book_reservation', booking, SERVED, 'admitted', 'book:allowed'],
  ['book_reservation', persons(5), SERVED, 'admitted', 'book:allowed'],
  ['book_reservation', persons(6), SERVED, 'denied', 'book:passengers'],
  ['book_reservation', persons(0), SERVED, 'denied', 'book:passengers'],
  ['book_reservation', pays('card', 'paper1', 'gift1', 'gift2', 'gift3'), SERVED, 'admitted', 'book:allowed'],
  ['book_reservation', pays('card', 'paper1', 'paper2'), SERVED, 'denied', 'book:payment-methods'],
  ['book_reservation', pays('card', 'card2'), SERVED, 'denied', 'book:payment-methods'],
  ['book_reservation', pays('card', 'gift1', 'gift2', 'gift3', 'gift4'), SERVED, 'denied', 'book:payment-methods'],
  ['book_reservation', pays('nobodys'), SERVED, 'refused', 'payment:not-in-profile'],
  ['book_reservation', { ...booking, destination: 'SEA' }, SERVED, 'denied', 'book:route'],
  ['book_reservation', { ...booking, flight_type: 'round_trip' }, SERVED, 'denied', 'book:route'],
  ['book_reservation', { ...booking, total_baggages: 2 }, SERVED, 'denied', 'book:bags'],
  ['book_reservation', { ...booking, total_baggages: -1 }, SERVED, 'denied', 'book:bags'],
  [
    'book_reservation',
    { ...booking, nonfree_baggages: 1, payment_methods: [{ payment_id: 'card', amount: 150 }] },
    SERVED,
    'denied',
    'book:bags',
  ],
  // changing flights and cabin
  [
    'update_reservation_flights',
    update('PLAIN', 'economy', ['OUT', '2024-05-21']),
    SERVED,
    'admitted',
    'flights:same-route',
  ],
  [
    'update_reservation_flights',
    update('PLAIN', 'economy', ['FAR', '2024-05-20'], ['ON', '2024-05-21']),
    SERVED,
    'admitted',
    'flights:same-route',
  ],
  [
    'update_reservation_flights',
    update('PLAIN', 'economy', ['FAR', '2024-05-20']),
    SERVED,
    'denied',
    'flights:other-destination',
  ],
  [
    'update_reservation_flights',
    update('PLAIN', 'economy', ['BACK', '2024-05-20']),
    SERVED,
    'denied',
    'flights:other-destination',
  ],
  [
    'update_reservation_flights',
    update('PLAIN', 'economy', ['OUT', '2024-05-20'], ['BACK', '2024-05-21']),
    SERVED,
    'denied',
    'flights:other-destination',
  ],
  [
    'update_reservation_flights',
    update('ROUND', 'economy', ['OUT', '2024-05-20']),
    SERVED,
    'denied',
    'flights:other-destination',
  ],
  [
    'update_reservation_flights',
    update('BASIC', 'basic_economy', ['OUT', '2024-05-21']),
    SERVED,
    'denied',
    'flights:basic-economy',
  ],
  [
    'update_reservation_flights',
    update('BASIC', 'economy', ['OUT', '2024-05-21']),
    SERVED,
    'denied',
    'flights:basic-economy',
  ],
  [
    'update_reservation_flights',
    update('BASIC', 'economy', ['OUT', '2024-05-20']),
    SERVED,
    'admitted',
    'cabin:allowed',
  ],
  [
    'update_reservation_flights',
    update('PLAIN', 'business', ['OUT', '2024-05-20']),
    SERVED,
    'admitted',
    'cabin:allowed',
  ],
  [
    'update_reservation_flights',
    update('FLOWN', 'economy', ['OUT', '2024-05-14'], ['BACK', '2024-05-20']),
    SERVED,
    'refused',
    'cabin:already-flown',
  ],
  [
    'update_reservation_flights',
    { ...update('PLAIN', 'economy', ['OUT', '2024-05-21']), payment_id: 'paper1' },
    SERVED,
    'refused',
    'payment:certificate',
  ],
  [
    'update_reservation_flights',
    { ...update('PLAIN', 'business', ['OUT', '2024-05-20']), payment_id: 'gift1' },
    SERVED,
    'refused',
    'payment:gift-card-balance',
  ],
  // bags: by membership and cabin, for each passenger
  ['update_reservation_baggages', bags('PLAIN', 2, 0), SERVED, 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('PLAIN', 3, 1), SERVED, 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('PLAIN', 3, 0), SERVED, 'denied', 'bags:wrong-fee'],
  ['update_reservation_baggages', bags('PLAIN', 2, 1), SERVED, 'denied', 'bags:wrong-fee'],
  ['update_reservation_baggages', bags('PLAIN', 0, 0), SERVED, 'denied', 'bags:no-removal'],
  ['update_reservation_baggages', bags('BASIC', 1, 1), SERVED, 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('BASIC', 1, 0), SERVED, 'denied', 'bags:wrong-fee'],
  ['update_reservation_baggages', bags('BUSIN', 4, 0), SERVED, 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('SILVR', 4, 0), as('silver'), 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('SILVR', 5, 0), as('silver'), 'denied', 'bags:wrong-fee'],
  ['update_reservation_baggages', bags('GOLDB', 4, 0), as('gold'), 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('GOLDB', 5, 1), as('gold'), 'admitted', 'bags:allowed'],
  ['update_reservation_baggages', bags('PLAIN', 5, 3, 'gift1'), SERVED, 'refused', 'payment:gift-card-balance'],
  // passengers
  [
    'update_reservation_passengers',
    { reservation_id: 'PLAIN', passengers: [person, person] },
    SERVED,
    'admitted',
    'passengers:allowed',
  ],
  [
    'update_reservation_passengers',
    { reservation_id: 'PLAIN', passengers: [person] },
    SERVED,
    'refused',
    'passengers:number',
  ],
  // cancelling
  ['cancel_reservation', { reservation_id: 'PLAIN' }, because('health'), 'denied', 'cancel:no-ground'],
  [
    'cancel_reservation',
    { reservation_id: 'PLAIN' },
    because('airline cancelled flight'),
    'denied',
    'cancel:no-ground',
  ],
  ['cancel_reservation', { reservation_id: 'INSUR' }, because('health'), 'admitted', 'cancel:insured-reason'],
  ['cancel_reservation', { reservation_id: 'INSUR' }, because('weather'), 'admitted', 'cancel:insured-reason'],
  ['cancel_reservation', { reservation_id: 'INSUR' }, because('change of plan'), 'denied', 'cancel:no-ground'],
  ['cancel_reservation', { reservation_id: 'INSUR' }, SERVED, 'denied', 'cancel:reason-first'],
  ['cancel_reservation', { reservation_id: 'BUSIN' }, because('change of plan'), 'admitted', 'cancel:business'],
  ['cancel_reservation', { reservation_id: 'BUSIN' }, SERVED, 'denied', 'cancel:reason-first'],
  ['cancel_reservation', { reservation_id: 'FRESH' }, because('other'), 'admitted', 'cancel:within-24h'],
  ['cancel_reservation', { reservation_id: 'STALE' }, because('other'), 'denied', 'cancel:no-ground'],
  ['cancel_reservation', { reservation_id: 'STRUCK' }, because('other'), 'admitted', 'cancel:airline-cancelled'],
  ['cancel_reservation', { reservation_id: 'FLOWN' }, because('health'), 'denied', 'cancel:already-flown'],
  ['cancel_reservation', { reservation_id: 'GONE' }, because('other'), 'denied', 'reservation:cancelled'],
  // compensation
  ['send_certificate', give(200), gesture('SILVR', 'cancelled'), 'admitted', 'certificate:allowed'],
  ['send_certificate', give(100), gesture('SILVR', 'cancelled'), 'denied', 'certificate:wrong-amount-or-reason'],
  [
    'send_certificate',
    give(100),
    gesture('SILVR', 'delayed', { changed_or_cancelled: true }),
    'admitted',
    'certificate:allowed',
  ],
  ['send_certificate', give(100), gesture('SILVR', 'delayed'), 'denied', 'certificate:wrong-amount-or-reason'],
  ['send_certificate', give(200), gesture('SILVR', 'other'), 'denied', 'certificate:wrong-amount-or-reason'],
  [
    'send_certificate',
    give(200),
    gesture('SILVR', 'cancelled', { fact_confirmed: false }),
    'denied',
    'certificate:facts-first',
  ],
  [
    'send_certificate',
    give(200),
    gesture('SILVR', 'cancelled', { asked_by_user: false }),
    'denied',
    'certificate:not-asked',
  ],
  ['send_certificate', give(200), gesture('PLAIN', 'cancelled'), 'denied', 'certificate:other-reservation'],
  ['send_certificate', give(0), gesture('NONE', 'cancelled'), 'denied', 'certificate:other-reservation'],
  [
    'send_certificate',
    give(200),
    { user_id: 'silver', confirmed: true },
    'denied',
    'certificate:wrong-amount-or-reason',
  ],
  [
    'send_certificate',
    give(200, 'regular'),
    gesture('PLAIN', 'cancelled', { user_id: 'regular' }),
    'denied',
    'certificate:not-eligible',
  ],
  [
    'send_certificate',
    give(200, 'regular'),
    gesture('INSUR', 'cancelled', { user_id: 'regular' }),
    'admitted',
    'certificate:allowed',
  ],
  [
    'send_certificate',
    give(200, 'regular'),
    gesture('BUSIN', 'cancelled', { user_id: 'regular' }),
    'admitted',
    'certificate:allowed',
  ],
]

test('the policies fit the application', () => {
  const opened = desk()
  assert.deepEqual(opened.faults(), [])
})

for (const [tool, input, attested, verdict, rule] of CASES)
  test(`${tool} ${JSON.stringify(input)} for ${JSON.stringify(attested)}: ${verdict} by ${rule}`, async () => {
    const opened = desk()
    const { kind, rules, errors } = await opened.ask(tool, input, { attested, nowMs: NOW })
    assert.deepEqual([kind, errors], [verdict, []], rules.join(' '))
    assert.ok(rules.includes(rule), rules.join(' '))
  })

test('booking takes seats, debits gift cards, uses certificates up and charges the card the rest', async () => {
  const opened = desk()
  const input = {
    ...booking,
    payment_methods: [
      { payment_id: 'paper1', amount: 40 },
      { payment_id: 'gift1', amount: 30 },
      { payment_id: 'card', amount: 60 },
    ],
    insurance: 'yes',
  }
  const { decided } = await opened.ask('book_reservation', input, { attested: SERVED, nowMs: NOW })
  const booked = decided.result as ReservationRecord
  assert.deepEqual([booked.reservation_id, booked.created_at], ['HATHAT', '2024-05-15T15:00:00'])
  assert.deepEqual(decided.effects, [
    { effect: 'charge', payload: { reservationId: 'HATHAT', methodId: 'card', amount: 60_00 } },
  ])
  const { decided: profile } = await opened.ask('get_user_details', { user_id: 'regular' }, { attested: SERVED })
  const { payment_methods, reservations } = profile.result as UserRecord
  assert.equal(payment_methods['paper1'], undefined)
  assert.deepEqual(payment_methods['gift1'], { source: 'gift_card', id: 'gift1', amount: 70 })
  assert.deepEqual(reservations, ['HATHAT'])
  const { decided: search } = await opened.ask('search_direct_flight', {
    origin: 'JFK',
    destination: 'SFO',
    date: '2024-05-20',
  })
  assert.deepEqual((search.result as { available_seats: unknown }[])[0]?.available_seats, {
    basic_economy: 9,
    economy: 8,
    business: 2,
  })
})

test('one stop: the second flight leaves after the first has landed, on the next day if that is when', async () => {
  const opened = desk()
  const night = { ...flight('NIGHT', 'JFK', 'SEA'), scheduled_arrival_time_est: '01:30:00+1' }
  const later = { ...flight('LATER', 'SEA', 'SFO'), scheduled_departure_time_est: '11:00:00' }
  const all = [...FLIGHTS, night, later]
  opened.world.import(
    'flights',
    all.map((value) => ({ id: value.flight_number, value })),
  )
  const { decided } = await opened.ask('search_onestop_flight', {
    origin: 'JFK',
    destination: 'SFO',
    date: '2024-05-20',
  })
  const trips = decided.result as { flight_number: string; date: string }[][]
  assert.deepEqual(
    trips.map((legs) => legs.map(({ flight_number, date }) => `${flight_number} ${date}`)),
    [
      ['FAR 2024-05-20', 'LATER 2024-05-20'],
      ['NIGHT 2024-05-20', 'ON 2024-05-21'],
      ['NIGHT 2024-05-20', 'LATER 2024-05-21'],
    ],
  )
})

for (const [tool, input, attested] of [
  ['cancel_reservation', { reservation_id: 'BUSIN' }, because('other')],
  ['send_certificate', give(200), gesture('SILVR', 'cancelled')],
] as const)
  test(`${tool}: its undo leads back to the state before`, async () => {
    const opened = desk()
    const states = () => [opened.world.state('reservation', 'BUSIN'), opened.world.state('user', 'silver')]
    const before = states()
    const { decided } = await opened.ask(tool, input, { attested, nowMs: NOW })
    assert.notDeepEqual(states(), before)
    await opened.world.undo(tool, { input, result: decided.result })
    assert.deepEqual(states(), before)
  })

test('a booking for nobody takes no seats, whoever would let it happen', async () => {
  const { decided } = await desk().ask('book_reservation', persons(0), { attested: SERVED, nowMs: NOW })
  assert.equal(decided.kind, 'accepted')
  assert.deepEqual(
    decided.events.map(({ event }) => event),
    ['booked', 'reservation-made'],
  )
})
