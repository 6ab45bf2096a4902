/** An application's folder, as the composition root reads it: its entry module, its policies, and what may make its first data. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { problem } from '../model/problems.ts'

const ENTRIES = ['index.ts', 'index.js', 'index.mjs'] // tried in this order

export interface ApplicationFolder {
  readonly entry: string
  readonly folder: string
  /** Folder of Cedar files; null when the application brings none. */
  readonly policies: string | null
  /** Module that generates records for the application's importers; null when there is none. */
  readonly generator: string | null
}

/** @param application a module, or a folder with an `index.ts`. @throws `release-invalid` when there is neither */
export function applicationFolder(application: string): ApplicationFolder {
  const entry = entryOf(application)
  const folder = dirname(entry)
  const policies = join(folder, 'policies')
  const generator = join(folder, 'generate.ts')
  return {
    entry,
    folder,
    policies: existsSync(policies) ? policies : null,
    generator: existsSync(generator) ? generator : null,
  }
}

/** The module of an application that is named as a folder or a file. @throws `release-invalid` when there is none */
export function entryOf(application: string): string {
  const path = resolve(application)
  if (!existsSync(path)) throw problem('release-invalid', `there is no application at \`${path}\``)
  if (!statSync(path).isDirectory()) return path
  const entry = ENTRIES.map((name) => join(path, name)).find((file) => existsSync(file))
  if (entry === undefined) throw problem('release-invalid', `\`${path}\` has no \`index.ts\``)
  return entry
}
