/** Where a running warden answers, and the token that its door asks for: `door.json` in the warden's own directory, for its owner alone. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const DOOR_FILE = 'door.json'
export const SOCKET_FILE = 'operator.sock'

export interface DoorFile {
  readonly pid: number
  /** A unix socket, or a port on loopback where the path would be too long for one. */
  readonly at: { readonly socket: string } | { readonly port: number }
  readonly token: string
}

/** Null when no warden runs, or the file is not for us. */
export function readDoorFile(dir: string): DoorFile | null {
  const path = join(dir, DOOR_FILE)
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DoorFile
  } catch {
    return null
  }
}
