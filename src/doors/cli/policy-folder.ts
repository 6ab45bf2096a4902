/**
 * Policy files of a folder: `*.cedar` decide admission, `scope/*.cedar` decide scope, `limits.json` names what is counted for them,
 * `breakers.json` what trips.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../../model/problems.ts'

/** Texts by their path in the folder, with `/` between names. @throws `usage` when there is none */
export async function readPolicyFolder(folder: string): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  for (const name of await cedarFiles(folder)) files[name] = await readFile(join(folder, name), 'utf8')
  if (Object.keys(files).length === 0) throw problem('usage', `\`${folder}\` holds no \`.cedar\` files`)
  return files
}

/** Case files of a folder, `*.cases.json`, by their path in it. */
export async function readCaseFiles(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(folder, { recursive: true })).map((name) => name.replaceAll('\\', '/'))
  const files: Record<string, string> = {}
  for (const name of names.filter((one) => one.endsWith('.cases.json')).sort())
    files[name] = await readFile(join(folder, name), 'utf8')
  return files
}

async function cedarFiles(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder, { recursive: true })
    return names
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => name.endsWith('.cedar') || name === 'limits.json' || name === 'breakers.json')
      .sort()
  } catch (cause) {
    throw problem('usage', `\`${folder}\` could not be read as a folder`, {}, cause)
  }
}

/** Lines that differ, by file: `-` goes, `+` comes. Order of lines within a file is shown as it is in each. */
export function policyDifference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((name) => {
    const old = (before[name] ?? '').split('\n')
    const fresh = (after[name] ?? '').split('\n')
    if (before[name] === after[name]) return []
    const gone = old.filter((line) => line.trim() !== '' && !fresh.includes(line)).map((line) => `- ${line}`)
    const come = fresh.filter((line) => line.trim() !== '' && !old.includes(line)).map((line) => `+ ${line}`)
    return [
      `${name}${before[name] === undefined ? ' (new)' : after[name] === undefined ? ' (removed)' : ''}`,
      ...gone,
      ...come,
    ]
  })
}
