/** Where a signer listens: in its directory, or, where that path is too long for a socket, in a private folder for short names. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { problem } from '../../model/problems.ts'

/** Bytes that every system takes in the address of a unix socket: 104 less the final zero, and some. */
const PATH_BYTES_MAX = 100
/** Not TMPDIR, which may be too long itself, and another one for whoever asks next. */
const SHORT = '/tmp'

/** The same for everybody who asks, so that writer and signer meet. @throws `usage` when somebody else has the folder */
export function socketPath(dir: string): string {
  const path = join(resolve(dir), 'signer.sock')
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path
  const folder = join(SHORT, `plinth-${userInfo().uid}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(folder)
  if (uid !== userInfo().uid || (mode & 0o077) !== 0)
    throw problem('usage', `\`${folder}\` belongs to somebody else: use a shorter data directory`)
  return join(folder, `${createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 16)}.sock`)
}
