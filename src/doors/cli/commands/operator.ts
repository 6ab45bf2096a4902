/** `plinth operator`: who signs changes of authority, with which key, and how many of them a change needs. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { problem } from '../../../model/problems.ts'
import type { ChangeKind, OperatorEntry } from '../../../warden/authority.ts'
import { changeDocument, KINDS_OF_CHANGE, type ChangeDocument } from '../../../warden/change-document.ts'
import { newOperatorKeyFile, parseOperatorKeyFile } from '../../../warden/operator-key-file.ts'
import { signRequest, withWarden } from '../../../warden/operate.ts'
import { spkiOfSshKey } from '../../../warden/ssh-agent.ts'
import type { PendingRequest } from '../../../warden/warden.ts'
import {
  adoptionLine,
  exitCodeOfAdoption,
  newestSnapshot,
  publishAndWait,
  runningOn,
  waitForAdoption,
} from '../adoption.ts'
import type { Adoption } from '../adoption.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { writeSecret } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { operatorSigner, passphrase } from '../operator-signer.ts'
import { table, time } from '../table.ts'
import { printable } from '../terminal.ts'
import { wardenPlace } from '../warden-place.ts'

const SIGNATURES_MAX = 64
const WORDS: Readonly<Record<string, (call: CommandCall) => Promise<ExitCode>>> = {
  keygen,
  list,
  add,
  remove: (call) => change(call, [{ change: 'remove-operator', id: named(call, 'which operator') }]),
  threshold,
  requests,
  sign,
  change: (call) => change(call, readChanges(named(call, 'what, as JSON'))),
  'rotate-root': (call) => change(call, [{ change: 'rotate-root' }]),
}

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word = ''] = call.words
  const does = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
  if (does === undefined) throw unknownWord('operator', word === '' ? undefined : word, Object.keys(WORDS))
  return await does(call)
}

function named({ words }: CommandCall, what: string, at = 1): string {
  const word = words[at]
  if (word === undefined)
    throw problem('usage', `say ${what}: \`plinth operator ${words[0]} …\``, { command: 'operator' })
  return word
}

async function keygen(call: CommandCall): Promise<ExitCode> {
  const { options, terminal } = call
  const id = named(call, 'for whom')
  const out = options.text('out')
  if (out === null) throw problem('usage', 'say where the key goes: `--out FILE`', { command: 'operator' })
  const file = await newOperatorKeyFile(id, await passphrase(options, `passphrase for \`${out}\`: `))
  await writeSecret(out, file)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'operator-key', id, publicKey: file.publicKey, file: out }))
  else {
    terminal.data(file.publicKey)
    terminal.talk(
      `\`${out}\` holds the key under its passphrase; an operator admits it: plinth operator add ${id} --key ${out}`,
    )
  }
  return EXIT.ok
}

async function list({ options, terminal }: CommandCall): Promise<ExitCode> {
  const { operators, thresholds, number } = await newestSnapshot(options)
  if (terminal.json) {
    terminal.data(JSON.stringify({ kind: 'operators', snapshot: number, items: operators, thresholds }))
    return EXIT.ok
  }
  const row = ({ id, roles, publicKey }: OperatorEntry): readonly string[] => [id, roles.join(' '), publicKey]
  terminal.data(table(['OPERATOR', 'MAY SIGN', 'KEY'], operators.map(row)))
  const more = Object.entries(thresholds).filter(([, needed]) => needed > 1)
  for (const [kind, needed] of more) terminal.data(`${kind}: ${needed} signatures`)
  terminal.talk(more.length === 0 ? 'each change needs one signature' : 'every other change needs one signature')
  return EXIT.ok
}

async function add(call: CommandCall): Promise<ExitCode> {
  const { options } = call
  const id = named(call, 'whom')
  const roles = options.list('role').map(readRole)
  const publicKey = await readPublicKey(options.text('key'))
  const operator = {
    id,
    algorithm: 'ed25519' as const,
    publicKey,
    roles: roles.length === 0 ? (['*'] as const).slice() : roles,
  }
  return await change(call, [{ change: 'add-operator', operator }])
}

function readRole(text: string): ChangeKind | '*' {
  const role = text === '*' ? '*' : KINDS_OF_CHANGE.find((kind) => kind === text)
  if (role === undefined)
    throw problem('usage', `\`${text}\` is none of \`*\`, ${KINDS_OF_CHANGE.map((kind) => `\`${kind}\``).join(', ')}`, {
      command: 'operator',
    })
  return role
}

/** A public key itself, or a file: an operator key file, or the `.pub` of an SSH key. */
async function readPublicKey(text: string | null): Promise<string> {
  if (text === null) throw problem('usage', 'say which key: `--key KEY` or `--key FILE`', { command: 'operator' })
  if (/^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/.test(text)) return text
  const content = await readFile(text, 'utf8').catch((cause: unknown) => {
    throw problem('usage', `\`${text}\` is neither an Ed25519 public key (base64 SPKI) nor a file`, {}, cause)
  })
  const ssh = spkiOfSshKey(content)
  if (ssh !== null) return ssh
  try {
    return parseOperatorKeyFile(JSON.parse(content)).publicKey
  } catch (cause) {
    throw problem('usage', `\`${text}\` holds no Ed25519 public key`, {}, cause)
  }
}

async function threshold(call: CommandCall): Promise<ExitCode> {
  const kind = readRole(named(call, 'for which kind of change'))
  const signatures = Number(named(call, 'how many signatures', 2))
  if (kind === '*' || !Number.isInteger(signatures) || signatures < 1 || signatures > SIGNATURES_MAX)
    throw problem('usage', `as in \`plinth operator threshold policies 2\`: 1 to ${SIGNATURES_MAX}`, {
      command: 'operator',
    })
  return await change(call, [{ change: 'set-threshold', kind, signatures }])
}

async function change({ options, terminal }: CommandCall, changes: readonly ChangeDocument[]): Promise<ExitCode> {
  if (!(await confirmed(terminal, options, changes.map(shownChange), 'sign this?'))) return EXIT.ok
  return told(await publishAndWait(options, changes, options.text('reason') ?? ''), terminal)
}

function told(adoption: Adoption, terminal: CommandCall['terminal']): ExitCode {
  if (terminal.json) terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind }))
  else terminal.talk(adoptionLine(adoption))
  return exitCodeOfAdoption(adoption)
}

/** Everything that is signed, so that nobody signs what they have not seen. */
const shownChange = ({ change: name, ...members }: ChangeDocument): string =>
  `${name} ${printable(JSON.stringify(members))}`

async function requests({ options, terminal }: CommandCall): Promise<ExitCode> {
  const items = await withWarden(wardenPlace(options), (warden) => warden.pending())
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'requests', items }))
  else if (items.length === 0) terminal.talk('nothing waits for signatures')
  else for (const item of items) terminal.data(requestLines(item).join('\n'))
  return EXIT.ok
}

function requestLines({ request, text, signedBy, missing, expiresAtMs }: PendingRequest): readonly string[] {
  const { changes, reason } = JSON.parse(text) as { changes: readonly ChangeDocument[]; reason: string }
  const lacks = Object.entries(missing).map(([kind, count]) => `${count} for ${kind}`)
  return [
    `${request}  signed by ${signedBy.join(', ')}; lacks ${lacks.join(', ')}; until ${time(expiresAtMs)}`,
    ...changes.map((one) => `  ${shownChange(one)}`),
    ...(reason === '' ? [] : [`  because ${printable(reason)}`]),
  ]
}

/** By its id, or the only one there is. */
function theRequest(pending: readonly PendingRequest[], id: string | undefined): PendingRequest {
  const found = id === undefined ? pending : pending.filter(({ request }) => request === id)
  const [only] = found
  if (only === undefined)
    throw problem('change-stale', `${id === undefined ? 'no request' : `no request \`${id}\``} waits for signatures`)
  if (found.length > 1) throw problem('usage', 'several requests wait: say which one', { command: 'operator' })
  return only
}

/** One change document, or several as an array: for changes that have no command of their own. */
function readChanges(text: string): readonly ChangeDocument[] {
  try {
    return z
      .array(changeDocument)
      .min(1)
      .parse([JSON.parse(text)].flat())
  } catch (cause) {
    const detail = cause instanceof z.ZodError ? z.prettifyError(cause) : 'it is not JSON'
    throw problem('usage', `this is not a change: ${detail.replaceAll('\n', ' ')}`, { command: 'operator' }, cause)
  }
}

async function sign(call: CommandCall): Promise<ExitCode> {
  const { options, terminal } = call
  const place = wardenPlace(options)
  const found = theRequest(await withWarden(place, (warden) => warden.pending()), call.words[1])
  if (!(await confirmed(terminal, options, requestLines(found), 'sign this?'))) return EXIT.ok
  const connection = await runningOn(options)
  const signer = await operatorSigner(options)
  const startedMs = performance.now()
  return told(await waitForAdoption(await signRequest(place, signer, found.request), connection, startedMs), terminal)
}
