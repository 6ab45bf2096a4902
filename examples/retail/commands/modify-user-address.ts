/** Changing where a customer lives, for later orders. */
import { command } from 'plinth'
import { z } from 'zod'
import { address, addressOf } from '../address.ts'
import { ownerFacts } from '../facts.ts'
import { userRecord } from '../records.ts'
import { user, userRecordOf } from '../user.ts'

export const modifyUserAddress = command('modify_user_address', {
  describe: "Change a customer's default address. The customer must have confirmed the new address.",
  input: z.strictObject({ user_id: user.id(), ...address.shape }),
  output: userRecord,
  facts: ownerFacts,
  async decide(tx, { user_id: userId, ...input }) {
    await tx.get(user, userId)
    tx.facts({ owner: userId })
    tx.append(user, userId, 'address-changed', addressOf(input))
    return userRecordOf(userId, await tx.get(user, userId))
  },
})
