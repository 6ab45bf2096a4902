/**
 * `plinth protect`: declarations that no release changes without an operator's signature. What is signed is a hash of what the declaration says;
 * `accept` signs what an application says now.
 */
import {
  changedDeclarations,
  DECLARATION_KINDS,
  declarationHash,
  declarationOf,
  weightyDeclarations,
  type DeclarationName,
} from '../../../model/declaration.ts'
import type { Hash } from '../../../model/ids.ts'
import { canonicalJson } from '../../../model/json.ts'
import type { Manifest } from '../../../model/manifest.ts'
import { problem } from '../../../model/problems.ts'
import type { ProtectedEntry } from '../../../warden/authority.ts'
import type { ChangeDocument } from '../../../warden/change-document.ts'
import { adoptionLine, exitCodeOfAdoption, newestSnapshot, publishAndWait } from '../adoption.ts'
import { applicationPath } from '../application-path.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { table } from '../table.ts'
import { printable } from '../terminal.ts'

const WORDS: Readonly<Record<string, (call: CommandCall) => Promise<ExitCode>>> = { list, add, accept, remove, check }
/** Characters of a declaration that a question shows. */
const SHOWN_MAX = 600

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word = ''] = call.words
  const action = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
  if (action === undefined) throw unknownWord('protect', word, Object.keys(WORDS))
  return await action(call)
}

async function list(call: CommandCall): Promise<ExitCode> {
  const { options, terminal } = call
  const [{ protected: signed, number }, manifest] = await Promise.all([newestSnapshot(options), manifestOf(call)])
  const items = signed.map((one) => {
    const now = declarationHash(manifest, one)
    return { ...one, state: now === one.hash ? 'as signed' : now === null ? 'left out' : 'changed' }
  })
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'protected', snapshot: number, items }))
  else if (items.length === 0) terminal.talk('nothing is protected: `plinth protect add --recommended`')
  else
    terminal.data(
      table(
        ['KIND', 'NAME', 'SIGNED', 'HERE'],
        items.map(({ kind, name, hash, state }) => [kind, printable(name), hash.slice(0, 16), state]),
      ),
    )
  return EXIT.ok
}

/** Would a release of this application become active? Exits as a start would. */
async function check(call: CommandCall): Promise<ExitCode> {
  const { options, terminal } = call
  const [{ protected: signed, number }, manifest] = await Promise.all([newestSnapshot(options), manifestOf(call)])
  const changed = changedDeclarations(manifest, signed)
  if (terminal.json)
    terminal.data(JSON.stringify({ kind: 'protected-check', snapshot: number, of: signed.length, changed }))
  else
    terminal.data(
      changed.length === 0
        ? `${signed.length} protected declarations are as they were signed`
        : table(
            ['KIND', 'NAME', 'WHAT'],
            changed.map(({ kind, name, now }) => [kind, printable(name), now === null ? 'left out' : 'changed']),
          ),
    )
  return changed.length === 0 ? EXIT.ok : EXIT.failed
}

async function add(call: CommandCall): Promise<ExitCode> {
  const { options, words } = call
  const manifest = await manifestOf(call)
  const recommended = options.flag('recommended') ? weightyDeclarations(manifest) : []
  const named = [...words.slice(1).map(readName), ...recommended]
  if (named.length === 0)
    throw problem('usage', 'say which: `plinth protect add KIND:NAME …`, or `--recommended`', { command: 'protect' })
  const { protected: before } = await newestSnapshot(options)
  return await publish(call, manifest, signedNow(manifest, named, before))
}

/** Everything that differs, or what is named of it: what is left out is protected no more. */
async function accept(call: CommandCall): Promise<ExitCode> {
  const { options, words, terminal } = call
  const manifest = await manifestOf(call)
  const { protected: before } = await newestSnapshot(options)
  const wanted = words.slice(1).map(readName)
  const isWanted = (one: DeclarationName): boolean =>
    wanted.length === 0 || wanted.some(({ kind, name }) => kind === one.kind && name === one.name)
  const changed = changedDeclarations(manifest, before).filter(isWanted)
  if (changed.length === 0) {
    terminal.talk('nothing to sign: all protected declarations are as they were signed')
    return EXIT.ok
  }
  const documents = changed.map(({ kind, name, now }): ChangeDocument =>
    now === null
      ? { change: 'unprotect', entry: { kind, name } }
      : { change: 'protect', entry: { kind, name, hash: now } },
  )
  return await publish(call, manifest, documents)
}

async function remove(call: CommandCall): Promise<ExitCode> {
  const named = call.words.slice(1).map(readName)
  if (named.length === 0)
    throw problem('usage', 'say which: `plinth protect remove KIND:NAME …`', { command: 'protect' })
  const documents = named.map((entry): ChangeDocument => ({ change: 'unprotect', entry }))
  return await publish(call, null, documents)
}

async function publish(
  { options, terminal }: CommandCall,
  manifest: Manifest | null,
  documents: readonly ChangeDocument[],
): Promise<ExitCode> {
  if (documents.length === 0) {
    terminal.talk('nothing to sign: they are protected as they are')
    return EXIT.ok
  }
  const lines = documents.map((one) => shown(one, manifest))
  if (!(await confirmed(terminal, options, lines, 'sign this?'))) return EXIT.ok
  const adoption = await publishAndWait(options, documents, options.text('reason') ?? '')
  if (terminal.json)
    terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind, changes: documents }))
  else terminal.talk(adoptionLine(adoption))
  return exitCodeOfAdoption(adoption)
}

function shown(document: ChangeDocument, manifest: Manifest | null): string {
  if (document.change === 'unprotect') return `no longer protected: ${document.entry.kind} ${document.entry.name}`
  if (document.change !== 'protect' || manifest === null) throw problem('bug', 'only protection is changed here')
  const said = canonicalJson(declarationOf(manifest, document.entry))
  const text = said.length > SHOWN_MAX ? `${said.slice(0, SHOWN_MAX)}… (${said.length} characters)` : said
  return `protected: ${document.entry.kind} ${document.entry.name}  ${printable(text)}`
}

/** @throws `usage` for what the application does not declare */
function signedNow(
  manifest: Manifest,
  named: readonly DeclarationName[],
  before: readonly ProtectedEntry[],
): readonly ChangeDocument[] {
  const hashes = new Map<string, ProtectedEntry>()
  for (const one of named) {
    const hash = declarationHash(manifest, one)
    if (hash === null)
      throw problem('usage', `the application declares no ${one.kind} \`${one.name}\``, { command: 'protect' })
    hashes.set(`${one.kind}:${one.name}`, { ...one, hash: hash as Hash })
  }
  return [...hashes.values()]
    .filter(
      ({ kind, name, hash }) => !before.some((one) => one.kind === kind && one.name === name && one.hash === hash),
    )
    .map((entry): ChangeDocument => ({ change: 'protect', entry }))
}

/** `invariant:not-overdrawn`, `event:order.cancelled`. @throws `usage` */
function readName(text: string): DeclarationName {
  const divide = text.indexOf(':')
  const kind = DECLARATION_KINDS.find((known) => known === text.slice(0, divide))
  const name = text.slice(divide + 1)
  if (divide < 0 || kind === undefined || name === '')
    throw problem(
      'usage',
      `\`${text}\` is not of the form KIND:NAME, with KIND one of ${DECLARATION_KINDS.join(', ')}`,
      {
        command: 'protect',
      },
    )
  return { kind, name }
}

/** Of the application at `--app`, built now, or of the release that the data directory ran last. */
async function manifestOf({ options, composition }: CommandCall): Promise<Manifest> {
  const app = options.text('app')
  const release =
    app === null
      ? await composition.lastRelease(dataDirectory(options))
      : await composition.buildRelease(applicationPath(app))
  return release.manifest
}
