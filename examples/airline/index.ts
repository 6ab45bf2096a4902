/** An airline's support desk: what its agents may look up and do for customers. Who may do what, and when: policies/. */
import { application } from 'plinth'
import { bookReservation } from './commands/book-reservation.ts'
import { cancelReservation } from './commands/cancel-reservation.ts'
import { sendCertificate } from './commands/send-certificate.ts'
import { transferToHumanAgents } from './commands/transfer-to-human-agents.ts'
import { updateReservationBaggages } from './commands/update-reservation-baggages.ts'
import { updateReservationFlights } from './commands/update-reservation-flights.ts'
import { updateReservationPassengers } from './commands/update-reservation-passengers.ts'
import { callColleague, charge, refund } from './effects.ts'
import { attested } from './facts.ts'
import { flight, flights } from './flight.ts'
import { flightsAreNotOverbooked, giftCardsAreNotOverdrawn } from './invariants.ts'
import { calculate } from './queries/calculate.ts'
import { getReservationDetails, getUserDetails } from './queries/details.ts'
import { getFlightStatus, listAllAirports, searchDirectFlight, searchOnestopFlight } from './queries/flights.ts'
import { offers } from './read-models.ts'
import { reservation, reservations } from './reservation.ts'
import { user, users } from './user.ts'

export default application('airline', {
  describe: 'the support desk of an airline: customers, flights, reservations',
  entities: [user, flight, reservation],
  commands: [
    bookReservation,
    cancelReservation,
    sendCertificate,
    updateReservationBaggages,
    updateReservationFlights,
    updateReservationPassengers,
    transferToHumanAgents,
  ],
  queries: [
    listAllAirports,
    getUserDetails,
    getReservationDetails,
    getFlightStatus,
    searchDirectFlight,
    searchOnestopFlight,
    calculate,
  ],
  readModels: [offers],
  effects: [charge, refund, callColleague],
  invariants: [giftCardsAreNotOverdrawn, flightsAreNotOverbooked],
  importers: [users, flights, reservations],
  attested,
})
