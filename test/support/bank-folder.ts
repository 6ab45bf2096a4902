/** Where the bank's application lies: for programs too, which `bank-system.ts` would make a test run of. */
import { fileURLToPath } from 'node:url'

export const BANK = fileURLToPath(new URL('./bank/', import.meta.url))
