/** Files that are whole or not there, and on the disk when the call returns. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Suffix of a file that is being written. What a crash leaves under it was never answered for, and is dropped at the next start. */
export const UNFINISHED = '.new'

/** Replaces the file: content, then name, each on the disk. A crash in between leaves the old text. */
export async function replaceDurably(path: string, text: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = await open(path + UNFINISHED, 'w', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(path + UNFINISHED, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The same for starting and stopping, where nothing else waits. */
export function replaceDurablySync(path: string, text: string, mode = 0o644): void {
  const file = openSync(path + UNFINISHED, 'w', mode)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(path + UNFINISHED, path)
  syncFolder(dirname(path))
}

export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
