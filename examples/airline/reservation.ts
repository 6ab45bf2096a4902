/** A reservation: who flies where, in which cabin, with how many bags, paid how. */
import { entity, importer, money } from 'plinth'
import type { StateOf } from 'plinth'
import { z } from 'zod'
import { centsOf, dollarsOf } from '../shared/dollars.ts'
import { cabin, flightType, passengerRecord, reservationRecord } from './records.ts'
import type { ReservationRecord } from './records.ts'

const leg = z.object({
  flightNumber: z.string(),
  origin: z.string(),
  destination: z.string(),
  date: z.string(),
  /** For one passenger, as it was when the leg was bought. */
  price: money(),
})
/** Money that moved: negative amounts went back to the customer. */
const payment = z.object({ methodId: z.string(), amount: money() })

const state = z.object({
  userId: z.string(),
  origin: z.string(),
  destination: z.string(),
  flightType,
  cabin,
  legs: z.array(leg),
  passengers: z.array(passengerRecord),
  payments: z.array(payment),
  /** Local time in New York, as the airline writes it: YYYY-MM-DDTHH:MM:SS. */
  createdAt: z.string(),
  totalBags: z.int(),
  paidBags: z.int(),
  insured: z.boolean(),
  cancelled: z.boolean(),
})

export const reservation = entity('reservation', {
  describe: 'a trip that a customer has booked',
  state,
  events: {
    imported: state,
    booked: state,
    cancelled: z.object({ refunds: z.array(payment) }),
    /** The cancellation was taken back, and its refunds with it. */
    reinstated: z.object({ refunds: z.int() }),
    'bags-changed': z.object({ totalBags: z.int(), paidBags: z.int(), payment: payment.nullable() }),
    'flights-changed': z.object({ cabin, legs: z.array(leg), payment: payment.nullable() }),
    'passengers-changed': z.object({ passengers: z.array(passengerRecord) }),
  },
  opens: ['imported', 'booked'],
  evolve: {
    imported: (_none, imported) => imported,
    booked: (_none, booked) => booked,
    cancelled: (reservation, { refunds }) => ({
      ...reservation,
      cancelled: true,
      payments: [...reservation.payments, ...refunds],
    }),
    reinstated: (reservation, { refunds }) => ({
      ...reservation,
      cancelled: false,
      payments: reservation.payments.slice(0, reservation.payments.length - refunds),
    }),
    'bags-changed': (reservation, { totalBags, paidBags, payment }) => ({
      ...reservation,
      totalBags,
      paidBags,
      payments: paid(reservation.payments, payment),
    }),
    'flights-changed': (reservation, { cabin, legs, payment }) => ({
      ...reservation,
      cabin,
      legs,
      payments: paid(reservation.payments, payment),
    }),
    'passengers-changed': (reservation, { passengers }) => ({ ...reservation, passengers }),
  },
})
export type Reservation = StateOf<typeof reservation>
export type Leg = z.infer<typeof leg>
export type Payment = z.infer<typeof payment>

const paid = (payments: Payment[], payment: Payment | null): Payment[] =>
  payment === null ? payments : [...payments, payment]

export const reservations = importer('reservations', {
  describe: 'reservations, in whatever state they are',
  of: reservation,
  event: 'imported',
  record: z.object({ id: z.string(), value: reservationRecord }),
  map: ({ id, value: record }) => ({
    id,
    data: {
      userId: record.user_id,
      origin: record.origin,
      destination: record.destination,
      flightType: record.flight_type,
      cabin: record.cabin,
      legs: record.flights.map(({ flight_number, origin, destination, date, price }) => ({
        flightNumber: flight_number,
        origin,
        destination,
        date,
        price: centsOf(price),
      })),
      passengers: record.passengers,
      payments: record.payment_history.map(({ payment_id, amount }) => ({
        methodId: payment_id,
        amount: centsOf(amount),
      })),
      createdAt: record.created_at,
      totalBags: record.total_baggages,
      paidBags: record.nonfree_baggages,
      insured: record.insurance === 'yes',
      cancelled: record.status === 'cancelled',
    },
  }),
})

/** The reservation as the outside writes it. */
export const reservationRecordOf = (id: string, reservation: Reservation): ReservationRecord => ({
  reservation_id: id,
  user_id: reservation.userId,
  origin: reservation.origin,
  destination: reservation.destination,
  flight_type: reservation.flightType,
  cabin: reservation.cabin,
  flights: reservation.legs.map(({ flightNumber, origin, destination, date, price }) => ({
    flight_number: flightNumber,
    origin,
    destination,
    date,
    price: dollarsOf(price),
  })),
  passengers: reservation.passengers,
  payment_history: reservation.payments.map(({ methodId, amount }) => ({
    payment_id: methodId,
    amount: dollarsOf(amount),
  })),
  created_at: reservation.createdAt,
  total_baggages: reservation.totalBags,
  nonfree_baggages: reservation.paidBags,
  insurance: reservation.insured ? 'yes' : 'no',
  ...(reservation.cancelled && { status: 'cancelled' as const }),
})
