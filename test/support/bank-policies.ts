/** The bank's policies with more files beside them, as a folder that a bank can be opened with. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { readPolicyFolder } from '../../src/doors/cli/policy-folder.ts'
import type { Json } from '../../src/model/json.ts'
import { changeAuthority } from './authority.ts'
import { BANK, type Bank } from './bank-system.ts'

/** @param more texts by file name; a value that is no text is written as JSON */
export async function bankPolicies(
  test: TestContext,
  more: Readonly<Record<string, Json>>,
  from = BANK,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-policies-'))
  test.after(() => rm(folder, { recursive: true, force: true }))
  await cp(join(from, 'policies'), folder, { recursive: true })
  for (const [file, text] of Object.entries(more))
    await writeFile(join(folder, file), typeof text === 'string' ? text : JSON.stringify(text))
  return folder
}

/** `limits.json` of these limits. */
export const limits = (entries: Json): Readonly<Record<string, Json>> => ({
  'limits.json': { format: 1, limits: entries },
})

/** Puts a folder's policies in force. */
export async function applyPolicies(bank: Bank, folder: string): Promise<void> {
  await changeAuthority(bank, { change: 'set-policies', files: { ...(await readPolicyFolder(folder)) } })
}
