/** Where the warden of a data directory lives and publishes; `--warden DIR` for one that was moved. */
import { join, resolve } from 'node:path'
import type { WardenPlace } from '../../warden/operate.ts'
import type { ParsedOptions } from './command.ts'
import { dataDirectory } from './connection.ts'

export function wardenPlace(options: ParsedOptions): WardenPlace {
  const dir = dataDirectory(options)
  const moved = options.text('warden') ?? (process.env['PLINTH_WARDEN'] || null)
  return { dir: resolve(moved ?? join(dir, 'warden')), publishDir: join(dir, 'authority') }
}
