/** `plinth principals`: who may act. Each change is a request that operators sign, carried to the warden and never through the runtime. */
import { unlink } from 'node:fs/promises'
import { sha256Hex } from '../../../model/ids.ts'
import { problem } from '../../../model/problems.ts'
import type { PrincipalKind } from '../../../model/principal.ts'
import type { AuthoritySnapshot, PrincipalEntry } from '../../../warden/authority.ts'
import type { ChangeDocument } from '../../../warden/change-document.ts'
import { newApiKey, newEd25519 } from '../../../warden/secrets.ts'
import { adoptionLine, exitCodeOfAdoption, newestSnapshot, publishAndWait } from '../adoption.ts'
import { unknownWord, type CommandCall, type ParsedOptions } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { writeSecret, type Credential } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { table, time } from '../table.ts'

const KINDS: readonly PrincipalKind[] = ['human', 'agent', 'service']
const EXPIRES_DAYS_MAX = 3_650
const DAY_MS = 86_400_000
const KEY_NAME_DEFAULT = 'first'

/** Changes, what they mean in words, and the credential that they make, if any. */
interface Plan {
  readonly changes: readonly ChangeDocument[]
  readonly preview: string
  readonly credential: Credential | null
}

const PLANS: Readonly<Record<string, (id: string, options: ParsedOptions) => Plan>> = {
  add: planAdd,
  'add-key': planKey,
  'remove-key': (id, options) => {
    const name = options.text('name')
    if (name === null) throw problem('usage', 'say which key: `--name NAME`', { command: 'principals' })
    return plain(
      [{ change: 'remove-key', principal: id, name }],
      `remove key \`${name}\` of \`${id}\`: whoever holds it is locked out`,
    )
  },
  set: planSet,
  revoke: (id) =>
    plain(
      [{ change: 'revoke', principal: id }],
      `revoke \`${id}\`, and with it everything that it owns; what it has under way stops`,
    ),
  reinstate: (id) => plain([{ change: 'reinstate', principal: id }], `reinstate \`${id}\`: its keys work again`),
}

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word = '', id] = call.words
  if (word === 'list') return await list(call)
  const plan = Object.hasOwn(PLANS, word) ? PLANS[word] : undefined
  if (plan === undefined) throw unknownWord('principals', word, ['list', ...Object.keys(PLANS)])
  if (id === undefined) throw problem('usage', `say whom: \`plinth principals ${word} ID\``, { command: 'principals' })
  return await change(call, plan(id, call.options))
}

async function list({ options, terminal }: CommandCall): Promise<ExitCode> {
  const snapshot = await newestSnapshot(options)
  if (terminal.json) terminal.data(JSON.stringify(listDocument(snapshot)))
  else {
    const head = ['PRINCIPAL', 'KIND', 'OWNER', 'ROLES', 'EPOCH', 'STATE', 'KEYS', 'ACTS FOR']
    terminal.data(table(head, snapshot.principals.map(row)))
    terminal.talk(`snapshot ${snapshot.number}, ${time(snapshot.createdAtMs)}`)
  }
  return EXIT.ok
}

const listDocument = (snapshot: AuthoritySnapshot): unknown => ({
  kind: 'principals',
  snapshot: snapshot.number,
  items: snapshot.principals,
})

const row = (entry: PrincipalEntry): readonly unknown[] => [
  entry.id,
  entry.kind,
  entry.owner,
  entry.roles.join(' '),
  entry.epoch,
  entry.revoked ? 'revoked' : 'live',
  entry.keys.map((key) => key.name).join(' '),
  entry.mayActFor.join(' '),
]

async function change({ options, terminal }: CommandCall, plan: Plan): Promise<ExitCode> {
  if (!(await confirmed(terminal, options, [plan.preview], 'go on?'))) return EXIT.ok
  const out = options.text('out')
  // Before the change: a key that is in force and nowhere written down would be lost.
  if (plan.credential !== null && out !== null) await writeSecret(out, plan.credential)
  const adoption = await publishAndWait(options, plan.changes).catch(async (error: unknown) => {
    if (plan.credential !== null && out !== null) await unlink(out)
    throw error
  })
  const shownCredential = out === null ? plan.credential : null
  if (terminal.json)
    terminal.data(
      JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind, credential: shownCredential }),
    )
  else {
    if (shownCredential !== null) terminal.data(JSON.stringify(shownCredential, null, 2))
    terminal.talk(adoptionLine(adoption))
  }
  return exitCodeOfAdoption(adoption)
}

function planAdd(id: string, options: ParsedOptions): Plan {
  const kind = KINDS.find((known) => known === options.text('kind'))
  if (kind === undefined)
    throw problem('usage', 'say what it is: `--kind human`, `--kind agent` or `--kind service`', {
      command: 'principals',
    })
  const approval = options.flag('approver') ? newEd25519() : null
  const apiKey = newApiKey()
  const owner = options.text('owner')
  const roles = options.list('role')
  const mayActFor = [...options.list('act-for')]
  const added = { id, kind, owner, roles: [...roles], mayActFor, approvalKey: approval?.publicKey ?? null }
  return {
    changes: [
      { change: 'add-principal', principal: added },
      { change: 'add-key', principal: id, key: keyOf(apiKey, options) },
    ],
    preview: `add ${kind} \`${id}\`${owner === null ? '' : `, owned by \`${owner}\``}, with ${roles.length === 0 ? 'no roles' : `roles ${roles.join(', ')}`}`,
    credential: { principal: id, apiKey, approvalKey: approval?.privateKey ?? null },
  }
}

function planKey(id: string, options: ParsedOptions): Plan {
  const apiKey = newApiKey()
  const key = keyOf(apiKey, options)
  const until = key.expiresAtMs === null ? 'without expiry' : `until ${time(key.expiresAtMs)}`
  return {
    changes: [{ change: 'add-key', principal: id, key }],
    preview: `give \`${id}\` a key \`${key.name}\` ${until}`,
    credential: { principal: id, apiKey, approvalKey: null },
  }
}

function planSet(id: string, options: ParsedOptions): Plan {
  const roles = options.list('role')
  const actFor = options.list('act-for')
  const changes: ChangeDocument[] = []
  if (roles.length > 0) changes.push({ change: 'set-roles', principal: id, roles: [...roles] })
  if (actFor.length > 0) changes.push({ change: 'set-may-act-for', principal: id, mayActFor: [...actFor] })
  if (changes.length === 0)
    throw problem('usage', 'say what to set: `--role` or `--act-for`', { command: 'principals' })
  return plain(changes, `set \`${id}\`: ${[...roles, ...actFor.map((other) => `acts for ${other}`)].join(', ')}`)
}

const plain = (changes: readonly ChangeDocument[], preview: string): Plan => ({ changes, preview, credential: null })

/** The key itself is shown once; what is signed and published is its hash. */
function keyOf(secret: string, options: ParsedOptions): { name: string; hash: string; expiresAtMs: number | null } {
  const days = options.number('expires', EXPIRES_DAYS_MAX)
  const expiresAtMs = days === null ? null : Date.now() + days * DAY_MS
  return { name: options.text('name') ?? KEY_NAME_DEFAULT, hash: sha256Hex(secret), expiresAtMs }
}
