/** A postal address. It has the same form inside and outside. */
import { z } from 'zod'

export const address = z.object({
  address1: z.string(),
  address2: z.string(),
  city: z.string(),
  country: z.string(),
  state: z.string(),
  zip: z.string(),
})
export type Address = z.infer<typeof address>

/** The members of an address as a tool takes them, beside others. */
export const addressOf = (input: Address): Address => ({
  address1: input.address1,
  address2: input.address2,
  city: input.city,
  country: input.country,
  state: input.state,
  zip: input.zip,
})

/** What stands in place of a customer's address once that customer is erased. */
export const ERASED_ADDRESS: Address = {
  address1: '[erased]',
  address2: '',
  city: '[erased]',
  country: '',
  state: '',
  zip: '[erased]',
}
