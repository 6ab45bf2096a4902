/** Opens the key store of data subjects where there is something to seal or to open; an application without personal data never has one. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Personal } from './personal.ts'
import type { OpenCommitter } from '../committer/committer.ts'
import type { Manifest } from '../../model/manifest.ts'
import { KEY_STORE_FILE, KeyStore, WRAPPING_KEY_FILE } from '../../personal-data/key-store.ts'
import type { SideReader, StorageReader, StreamKeyReader } from '../../storage/storage.ts'

export const declaresPersonalData = ({ entities }: Pick<Manifest, 'entities'>): boolean =>
  Object.values(entities).some(({ personal }) => personal !== undefined)

/** @param keysDir folder of the key store; made by whoever moves it there. @throws `storage-damaged` */
export function openPersonal(
  keysDir: string,
  stored: StorageReader & SideReader & StreamKeyReader,
  committer: Pick<OpenCommitter, 'replaceDerived' | 'answered'>,
  manifest: Manifest,
  origin: string,
): Personal | null {
  const path = join(keysDir, KEY_STORE_FILE)
  if (!declaresPersonalData(manifest) && !existsSync(path)) return null
  mkdirSync(keysDir, { recursive: true, mode: 0o700 })
  const keys = KeyStore.open(path, join(keysDir, WRAPPING_KEY_FILE), 'write')
  return new Personal(stored, committer, keys, manifest, origin)
}
