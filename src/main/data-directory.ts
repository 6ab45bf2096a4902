/** A data directory: made once, with the secrets that belong to it; found again at every start. */
import { access, mkdir, open, readFile, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import { base32 } from '../model/ids.ts'
import type { Manifest } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'
import { defaultPolicies } from '../policy/default-policies.ts'
import { checkPolicies } from '../policy/check.ts'
import { createAuthority, FIRST_PRINCIPALS } from '../warden/publish.ts'

export interface DirectoryCredentials {
  readonly operator: StoredCredential
  readonly agent: StoredCredential
  readonly frontDoor: StoredCredential
}
export interface StoredCredential {
  readonly principal: string
  readonly apiKey: string
  /** PKCS #8 PEM, null for who may not decide approvals. */
  readonly approvalKey: string | null
}
export interface DataDirectory {
  readonly dir: string
  readonly authorityDir: string
  readonly firstStart: boolean
  /** Origin of the log: chosen once, at random, so that no two logs share a name. */
  readonly origin: string
  /** The operator's public key that snapshots must verify against. */
  readonly pinnedVkey: string
  readonly credentials: DirectoryCredentials
}

const FILES = { operator: 'operator.json', agent: 'agent.json', frontDoor: 'front-door.json' } as const

/**
 * @param policies Cedar source by file name; null takes the application's `policies/` folder, or the default ones
 * @throws `authority-change-refused` when a policy does not fit the application
 */
export async function prepareDataDirectory(
  dir: string,
  entry: string,
  manifest: Manifest,
  policies: Readonly<Record<string, string>> | null,
  clock: Clock,
  random: Random,
): Promise<DataDirectory> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const authorityDir = join(dir, 'authority')
  const firstStart = !(await exists(join(dir, FILES.operator)))
  if (firstStart) {
    const texts = policies ?? (await policiesBeside(entry)) ?? defaultPolicies(manifest)
    await makeAuthority(dir, authorityDir, manifest, texts, clock)
    await writeOnce(join(dir, 'origin'), `plinth.invalid/${manifest.name}/${base32(random.bytes(10))}\n`)
  }
  const [operator, agent, frontDoor] = await Promise.all([
    readCredential(join(dir, FILES.operator)),
    readCredential(join(dir, FILES.agent)),
    readCredential(join(dir, FILES.frontDoor)),
  ])
  const origin = (await readFile(join(dir, 'origin'), 'utf8')).trim()
  const pinnedVkey = (await readFile(join(authorityDir, 'root.vkey'), 'utf8')).trim()
  return { dir, authorityDir, firstStart, origin, pinnedVkey, credentials: { operator, agent, frontDoor } }
}

/** Secrets are written last and the operator's file very last: a crash before that leaves a directory that says what to remove. */
async function makeAuthority(
  dir: string,
  authorityDir: string,
  manifest: Manifest,
  policies: Readonly<Record<string, string>>,
  clock: Clock,
): Promise<void> {
  const held = Object.values(policies).flatMap((text) =>
    [...text.matchAll(/@hold\("([^"]+)"\)/g)].map((match) => match[1] as string),
  )
  const principals = FIRST_PRINCIPALS.map((one) =>
    one.id === 'operator' ? { ...one, roles: [...new Set([...one.roles, ...held])] } : one,
  )
  const made = await createAuthority(authorityDir, {
    policies,
    checkPolicies: (texts) => checkPolicies(texts, manifest),
    principals,
    nowMs: clock.nowMs(),
  })
  const secret = (principal: string): object => made.secrets[principal] ?? {}
  await writeOnce(join(dir, FILES.agent), `${JSON.stringify(secret('agent'), null, 2)}\n`)
  await writeOnce(join(dir, FILES.frontDoor), `${JSON.stringify(secret('front-door'), null, 2)}\n`)
  await writeOnce(
    join(dir, FILES.operator),
    `${JSON.stringify({ ...secret('operator'), operatorKey: made.operatorKey }, null, 2)}\n`,
  )
}

/** `policies/` beside the application's entry file, or null. */
export async function policiesBeside(entry: string): Promise<Readonly<Record<string, string>> | null> {
  const folder = join(dirname(entry), 'policies')
  if (!(await exists(folder))) return null
  const texts: Record<string, string> = {}
  for (const file of (await readdir(folder, { recursive: true })).sort()) {
    if (file.endsWith('.cedar')) texts[file.replaceAll('\\', '/')] = await readFile(join(folder, file), 'utf8')
  }
  return Object.keys(texts).length === 0 ? null : texts
}

async function readCredential(path: string): Promise<StoredCredential> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw problem(
      'usage',
      `the data directory has no \`${basename(path)}\`; it was made by another version, or a first start was cut short: move it away and start again`,
      {},
      error,
    )
  }
  const { principal, apiKey, approvalKey } = JSON.parse(text) as StoredCredential
  return { principal, apiKey, approvalKey }
}

/** Durable under its name or not there at all; readable by its owner only. */
async function writeOnce(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
