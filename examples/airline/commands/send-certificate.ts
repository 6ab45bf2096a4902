/** A travel certificate as a gesture to a customer who has complained. */
import { command } from 'plinth'
import { z } from 'zod'
import { centsOf } from '../../shared/dollars.ts'
import { discreetly } from '../../shared/served.ts'
import { certificateFacts } from '../facts.ts'
import { wholeDollars } from '../records.ts'
import { refusals } from '../refusals.ts'
import { reservation } from '../reservation.ts'
import { methodOf, user } from '../user.ts'

/** Ids are handed out from this list, the first that the profile does not hold. */
const CERTIFICATE_IDS = ['certificate_3221322', 'certificate_3221323', 'certificate_3221324']

export const sendCertificate = command('send_certificate', {
  describe:
    'Give the customer a travel certificate as a gesture. Only when the customer complains and asks for it, and the facts are confirmed: $100 a passenger for cancelled flights, $50 a passenger for delayed ones after a change or cancellation.',
  input: z.strictObject({ user_id: user.id(), amount: wholeDollars }),
  output: z.string(),
  facts: certificateFacts,
  refusals: { 'limit-reached': refusals['limit-reached'], 'not-the-customers': refusals['not-the-customers'] },
  async decide(tx, { user_id: userId, amount }) {
    const owner = await tx.get(user, userId)
    const about = tx.attested['reservation_id']
    const trip = typeof about === 'string' && about !== '' ? await tx.lookup(reservation, about) : undefined
    tx.facts({
      owner: userId,
      membership: owner.membership,
      reservationOwner: trip?.userId ?? '',
      passengers: trip?.passengers.length ?? 0,
      insured: trip?.insured ?? false,
      business: trip?.cabin === 'business',
    })
    const methodId = CERTIFICATE_IDS.find((id) => methodOf(owner, id) === undefined)
    if (methodId === undefined) return tx.refuse(...discreetly(tx, userId, 'limit-reached', {}))
    tx.append(user, userId, 'certificate-granted', { methodId, amount: centsOf(amount) })
    return `Certificate ${methodId} added to user ${userId} with amount ${amount}.`
  },
  undo(tx, { input, result }) {
    const methodId = CERTIFICATE_IDS.find((id) => result.startsWith(`Certificate ${id} `))
    if (methodId !== undefined) tx.append(user, input.user_id, 'certificate-withdrawn', { methodId })
  },
})
