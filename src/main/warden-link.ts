/** How a system is joined to its warden: a child of ours on this machine, or one elsewhere whose published files are fetched. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { problem } from '../model/problems.ts'
import { mirrorAuthority } from '../warden/mirror.ts'
import { authorityFolder, isDataDirectory, pinnedKey, wardenFolder } from './data-directory.ts'
import { startWardenChild } from './warden-child.ts'

/** How long a runtime goes on changing things without a sign of life of its warden. */
export const LEASE_MS_DEFAULT = 60_000

export type WardenChoice =
  /** `dir` null: inside the data directory, if it is (still) there. `user`: of the warden's process, where we may choose. */
  | { readonly kind: 'child'; readonly dir: string | null; readonly user: number | null }
  | { readonly kind: 'url'; readonly url: string }

/** What `--warden` says: an address, a directory, or nothing. */
export function wardenChoice(text: string | null, user: number | null): WardenChoice {
  if (text !== null && /^https?:\/\//.test(text)) return { kind: 'url', url: text.replace(/\/+$/, '') }
  return { kind: 'child', dir: text === null ? null : resolve(text), user }
}

/**
 * @param signal gives up waiting for a child, and ends it
 * @returns null when no warden was asked for, or its directory has been moved away: then another process publishes
 * @throws `warden-unavailable`, `usage`
 */
export async function linkWarden(
  dir: string,
  choice: WardenChoice | undefined,
  onProblem: (what: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<{ close(): Promise<void> } | null> {
  if (choice === undefined) return null
  const publishDir = authorityFolder(dir)
  if (choice.kind === 'url') {
    if (!isDataDirectory(dir))
      throw problem('usage', 'a new data directory makes its own warden; move that one afterwards')
    return await mirrorAuthority(choice.url, publishDir, await pinnedKey(dir), onProblem)
  }
  const own = choice.dir ?? wardenFolder(dir)
  if (choice.dir === null && !existsSync(own)) return null
  return await startWardenChild({ dir: own, publishDir, user: choice.user, onProblem, signal })
}
