/** Opens what is sealed where nothing is written: with the key store as it lies there, for as long as somebody reads. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../model/manifest.ts'
import { KEY_STORE_FILE, KeyStore, WRAPPING_KEY_FILE } from '../../personal-data/key-store.ts'
import { OpeningReader } from '../../personal-data/opening-reader.ts'
import type { SideReader, StorageReader } from '../../storage/storage.ts'

/** What is sealed opened, for one reading; what cannot be opened comes as it is stored. */
export function withOpened<Value>(
  keysDir: string,
  stored: StorageReader & SideReader,
  read: (reader: StorageReader) => Value,
): Value {
  const opened = openForReading(keysDir, stored, { entities: {}, readModels: {} })
  if (opened === null) return read(stored)
  try {
    return read(opened.reader)
  } finally {
    opened.keys.close()
  }
}

/** For an audit from files alone. Null where nothing can be opened; what is sealed then counts as not checked. */
export function openForReading(
  keysDir: string,
  stored: StorageReader & SideReader,
  manifest: Pick<Manifest, 'entities' | 'readModels'>,
): { readonly reader: OpeningReader; readonly keys: KeyStore } | null {
  const path = join(keysDir, KEY_STORE_FILE)
  if (!existsSync(path)) return null
  const keys = KeyStore.open(path, join(keysDir, WRAPPING_KEY_FILE), 'read')
  return { reader: new OpeningReader(stored, keys, manifest, 'stays'), keys }
}
