/** Where the log's signer is: `<data directory>/signer`, run as a child; another directory, run as a child; or a socket that somebody else serves. */
import { statSync } from 'node:fs'
import { join } from 'node:path'

export type SignerPlace =
  { readonly kind: 'process'; readonly dir: string } | { readonly kind: 'socket'; readonly path: string }

/** @param given a directory, which need not be there yet, or a socket; null is the usual place */
export function signerPlace(dataDir: string, given: string | null): SignerPlace {
  if (given === null) return { kind: 'process', dir: join(dataDir, 'signer') }
  return statSync(given, { throwIfNoEntry: false })?.isSocket() === true
    ? { kind: 'socket', path: given }
    : { kind: 'process', dir: given }
}
