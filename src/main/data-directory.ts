/**
 * What a data directory holds beside the engine's own files: the first authority with its credentials, the installation's name, which first data
 * was imported, where the running process answers.
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AGENT_FILE,
  FRONT_DOOR_FILE,
  OPERATOR_FILE,
  readCredential,
  writeSecret,
  type Credential,
} from '../doors/cli/credential.ts'
import { readPolicyFolder } from '../doors/cli/policy-folder.ts'
import { base32, type ReleaseId } from '../model/ids.ts'
import type { Manifest, Release } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'
import type { Random } from '../host/random.ts'
import { defaultPolicies } from '../policy/default-policies.ts'
import { policyFaults } from '../policy/policy-set.ts'
import { schemaOf } from '../policy/schema.ts'
import { readRelease } from '../releases/release-files.ts'
import { FIRST_PRINCIPALS, type FirstAuthority, type PrincipalSecrets } from '../warden/first-authority.ts'
import { ROOT_KEY_FILE } from '../warden/publish.ts'
import { newEd25519 } from '../warden/secrets.ts'
import { createWarden } from '../warden/warden.ts'

export interface Installation {
  /** Origin of the log. */
  readonly origin: string
  readonly createdAtMs: number
  /** The release that ran last; null before the first. */
  readonly release: ReleaseId | null
  /** Where the first data came from, once all of it is in; null before. */
  readonly data: { readonly source: string; readonly counts: Readonly<Record<string, number>> } | null
}
const INSTALLATION_FILE = 'installation.json'
const RUNTIME_FILE = 'runtime.json'
const UNFINISHED_MARKER = 'first-start-unfinished'
const MADE_FIRST = ['authority', 'warden', OPERATOR_FILE, AGENT_FILE, FRONT_DOOR_FILE]

export const authorityFolder = (dir: string): string => join(dir, 'authority')
/** The warden's own directory, unless it was moved: the runtime never opens it. */
export const wardenFolder = (dir: string): string => join(dir, 'warden')

export async function pinnedKey(dir: string): Promise<string> {
  return (await readFile(join(authorityFolder(dir), ROOT_KEY_FILE), 'utf8')).trim()
}

export const isDataDirectory = (dir: string): boolean => existsSync(join(dir, INSTALLATION_FILE))

export async function readInstallation(dir: string): Promise<Installation> {
  return JSON.parse(await readFile(join(dir, INSTALLATION_FILE), 'utf8')) as Installation
}

/** The release that this directory ran last. @throws `release-invalid` when there is none, or its file is not what it was */
export async function lastRelease(dir: string): Promise<Release> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is no data directory: name one with \`--dir\``)
  const { release } = await readInstallation(dir)
  if (release === null) throw problem('release-invalid', `\`${dir}\` has run no release yet`)
  return await readRelease(dir, release)
}

export async function writeInstallation(dir: string, installation: Installation): Promise<void> {
  await writeWhole(join(dir, INSTALLATION_FILE), installation, 0o644)
}

/**
 * Makes a data directory that a system can start on: keys, first principals, the application's policies as snapshot 1.
 * A crash in here leaves the marker, and the next start begins again with what is left removed, since nothing was decided on it.
 * @throws `usage` when the folder holds files of these names that no unfinished first start has left
 */
export async function createDataDirectory(
  dir: string,
  manifest: Manifest,
  policies: string | null,
  options: {
    readonly nowMs: number
    readonly random: Random
    readonly origin?: string | undefined
    /** Null when no warden will run beside the system: then nothing waits for its sign of life. */
    readonly leaseMs?: number | null
    /** Makes the warden, for a system that must never hold its root key. Left out: in this process. */
    readonly createWarden?: CreateWarden
  },
): Promise<Installation> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const marker = join(dir, UNFINISHED_MARKER)
  if (!existsSync(marker)) {
    const other = [...MADE_FIRST, 'data.db'].find((name) => existsSync(join(dir, name)))
    if (other !== undefined)
      throw problem('usage', `\`${dir}\` holds \`${other}\`, but is no data directory: choose another with \`--dir\``)
    await chmod(dir, 0o700) // also when it was there: it will hold keys, and everything that happens
    await writeFile(marker, '')
  }
  for (const left of MADE_FIRST) await rm(join(dir, left), { recursive: true, force: true })
  const schema = schemaOf(manifest)
  const files = policies === null ? defaultPolicies(manifest) : await readPolicyFolder(policies)
  const faults = policyFaults(files, schema)
  if (faults.length > 0)
    throw problem('authority-change-refused', faults.slice(0, 20).join('; '), { errors: faults.slice(0, 20) })
  const key = newEd25519()
  const place = { dir: wardenFolder(dir), publishDir: authorityFolder(dir) }
  const created = await (options.createWarden ?? createHere)(place, {
    policies: files,
    principals: FIRST_PRINCIPALS.map((one) =>
      one.id === 'operator' ? { ...one, roles: [...new Set([...one.roles, ...rolesThatDecide(files)])] } : one,
    ),
    operators: [{ id: 'operator', algorithm: 'ed25519', publicKey: key.publicKey, roles: ['*'] }],
    leaseMs: options.leaseMs ?? null,
    nowMs: options.nowMs,
  })
  const { operator, agent } = created.secrets
  if (operator === undefined || agent === undefined) throw problem('bug', 'the first principals were not made')
  await writeSecret(join(dir, OPERATOR_FILE), {
    ...operator,
    operatorKey: { name: 'operator', privateKey: key.privateKey },
  })
  await writeSecret(join(dir, AGENT_FILE), agent)
  await writeSecret(join(dir, FRONT_DOOR_FILE), created.secrets['front-door'])
  const origin = options.origin ?? `plinth.local/${manifest.name}-${base32(options.random.bytes(5))}`
  const installation: Installation = { origin, createdAtMs: options.nowMs, release: null, data: null }
  await writeInstallation(dir, installation)
  await rm(marker)
  return installation
}

/** What a warden begins with, as data: its policies have been checked. */
export type NewWarden = Omit<FirstAuthority, 'checkPolicies'>
export type CreateWarden = (
  place: { readonly dir: string; readonly publishDir: string },
  first: NewWarden,
) => Promise<{ readonly secrets: Readonly<Record<string, PrincipalSecrets>> }>

const createHere: CreateWarden = (place, first) =>
  Promise.resolve(createWarden(place, { ...first, checkPolicies: () => [] }))

/** Roles that the policies hold operations for: the first operator has them all, so that nothing waits for nobody. */
const rolesThatDecide = (files: Readonly<Record<string, string>>): readonly string[] =>
  Object.values(files).flatMap((text) => [...text.matchAll(/@hold\("([^"]+)"\)/g)].map((match) => match[1] as string))

export interface Credentials {
  readonly operator: Credential
  readonly agent: Credential
  readonly frontDoor: Credential
}

export async function readCredentials(dir: string): Promise<Credentials> {
  return {
    operator: await readCredential(join(dir, OPERATOR_FILE)),
    agent: await readCredential(join(dir, AGENT_FILE)),
    frontDoor: await readCredential(join(dir, FRONT_DOOR_FILE)),
  }
}

/** Where the running process answers: read by the command line on the same machine. */
export const writeRuntime = (dir: string, urls: { readonly http: string; readonly mcp: string }): Promise<void> =>
  writeWhole(join(dir, RUNTIME_FILE), { pid: process.pid, urls }, 0o644)
export const removeRuntime = (dir: string): Promise<void> => rm(join(dir, RUNTIME_FILE), { force: true })

async function writeWhole(path: string, content: unknown, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.new`
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode })
  await rename(temporary, path)
}
