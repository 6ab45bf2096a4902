/** A system's first data: outside records, handed to the application's importers. Running it again imports nothing twice. */
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import type { Engine } from '../engine/engine.ts'
import type { Json } from '../model/json.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

/** Records by importer, in the order in which they are imported. */
export type FirstData = readonly { readonly importer: string; readonly records: AsyncIterable<Json> }[]

/** What an application's `generate.ts` exports: always the same records, in the form that its importers take. */
interface Generator {
  readonly generate: () => Readonly<Record<string, Iterable<Json> | AsyncIterable<Json>>>
}

export async function generated(modulePath: string): Promise<FirstData> {
  const { generate } = (await import(pathToFileURL(modulePath).href)) as Partial<Generator>
  if (typeof generate !== 'function') throw problem('release-invalid', `\`${modulePath}\` does not export \`generate\``)
  return Object.entries(generate()).map(([importer, records]) => ({ importer, records: asAsync(records) }))
}

/** `<folder>/db/<importer>.jsonl`, one record a line. @throws `usage` naming what has no importer */
export function fromFolder(folder: string, importers: readonly string[]): FirstData {
  const db = join(folder, 'db')
  if (!existsSync(db)) throw problem('usage', `\`${folder}\` has no folder \`db\``)
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

async function* asAsync(records: Iterable<Json> | AsyncIterable<Json>): AsyncGenerator<Json> {
  yield* records
}
