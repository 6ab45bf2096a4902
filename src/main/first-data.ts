/** A system's first data: outside records, handed to the application's importers. Running it again imports nothing twice. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleGenerator } from '../application/bundle-generator.ts'
import type { Engine } from '../engine/engine.ts'
import type { Json } from '../model/json.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

const SAID_CHARACTERS_MAX = 2_000 // of a failing generator's stderr

/** Records by importer, in the order in which they are imported. */
export type FirstData = readonly { readonly importer: string; readonly records: AsyncIterable<Json> }[]

/**
 * What an application's `generate.ts` makes. It is code of the application, so it runs without our environment, and without leave to read or write a
 * file or to start a process: the data directory with the operator's key lies beside it. @throws `release-invalid` with what it said, when it fails */
export async function generated(modulePath: string): Promise<FirstData> {
  const program = await bundleGenerator(modulePath)
  const child = spawn(process.execPath, ['--permission', '--disable-sigusr1', '--input-type=module', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { TZ: 'UTC', LANG: 'C', NODE_NO_WARNINGS: '1' },
  })
  child.stdin.on('error', () => {}).end(program) // one that ends early says why by itself
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-SAID_CHARACTERS_MAX)))
  const ended = once(child, 'close')
  const records = new Map<string, Json[]>()
  for await (const line of createInterface({ input: child.stdout })) {
    const { importer, record } = JSON.parse(line) as { importer: string; record: Json }
    const known = records.get(importer)
    if (known === undefined) records.set(importer, [record])
    else known.push(record)
  }
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw problem('release-invalid', `\`${modulePath}\` failed: ${said.trim()}`)
  return [...records].map(([importer, all]) => ({ importer, records: asAsync(all) }))
}

/** @throws `usage` when the folder has no records in it */
export function checkFolder(folder: string): void {
  const db = join(folder, 'db')
  if (statSync(db, { throwIfNoEntry: false })?.isDirectory() === true) return
  const what = existsSync(folder) ? `\`${folder}\` has no folder \`db\`` : `there is no folder \`${folder}\``
  throw problem('usage', `${what}: \`--data DIR\` imports \`DIR/db/*.jsonl\``)
}

/** `<folder>/db/<importer>.jsonl`, one record a line. @throws `usage` naming what has no importer */
export function fromFolder(folder: string, importers: readonly string[]): FirstData {
  checkFolder(folder)
  const db = join(folder, 'db')
  const files = readdirSync(db)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => ({ importer: basename(name, '.jsonl'), path: join(db, name) }))
  const unknown = files.find(({ importer }) => !importers.includes(importer))
  if (files.length === 0 || unknown !== undefined)
    throw problem(
      'usage',
      unknown === undefined
        ? `\`${db}\` holds no \`.jsonl\` files`
        : `\`${unknown.path}\` has no importer; the application has ${importers.join(', ') || 'none'}`,
    )
  // In the order in which the application declares its importers, whatever the file system says.
  return files
    .toSorted((a, b) => importers.indexOf(a.importer) - importers.indexOf(b.importer))
    .map(({ importer, path }) => ({ importer, records: jsonLines(path) }))
}

export async function importAll(
  engine: Engine,
  credentials: Credentials,
  data: FirstData,
  talk: (line: string) => void,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  for (const { importer, records } of data) {
    const startedMs = performance.now()
    const { imported } = await engine.importRecords(credentials, importer, records, () => {}, signal)
    counts[importer] = imported
    talk(`imported ${imported} ${importer} in ${Math.round(performance.now() - startedMs)} ms`)
  }
  return counts
}

async function* jsonLines(path: string): AsyncGenerator<Json> {
  let line = 0
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    line++
    if (text.trim() === '') continue
    try {
      yield JSON.parse(text) as Json
    } catch (cause) {
      throw problem('malformed-json', `\`${path}\` line ${line} is not JSON`, {}, cause)
    }
  }
}

async function* asAsync(records: Iterable<Json>): AsyncGenerator<Json> {
  yield* records
}
