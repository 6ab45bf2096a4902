/** Finding out who is calling: by e-mail, or by name and postal code. These answer with an id and nothing else. */
import { query } from 'plinth'
import { z } from 'zod'
import { usersByEmail, usersByName } from '../read-models.ts'

export const findUserIdByEmail = query('find_user_id_by_email', {
  describe: 'Find a customer’s id by e-mail address.',
  input: z.strictObject({ email: z.string().describe('e-mail address') }),
  output: z.string(),
  personal: ['email'],
  async read(tx, { email }) {
    const [found] = await tx.find(usersByEmail, { where: { email: email.toLowerCase() }, order: ['ordinal'], limit: 1 })
    return found?.id ?? tx.refuse('not-found', {})
  },
})

export const findUserIdByNameZip = query('find_user_id_by_name_zip', {
  describe: 'Find a customer’s id by name and postal code, when the e-mail address is not known.',
  input: z.strictObject({
    first_name: z.string().describe('given name'),
    last_name: z.string().describe('family name'),
    zip: z.string().describe('postal code'),
  }),
  output: z.string(),
  personal: ['first_name', 'last_name', 'zip'],
  async read(tx, { first_name, last_name, zip }) {
    const [found] = await tx.find(usersByName, {
      where: { firstName: first_name.toLowerCase(), lastName: last_name.toLowerCase(), zip },
      order: ['ordinal'],
      limit: 1,
    })
    return found?.id ?? tx.refuse('not-found', {})
  },
})
