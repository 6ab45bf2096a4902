/** Runs an application's `generate.ts` in a process of its own: application code never runs in the engine's. Prints one record a line. */
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import type { Json } from '../model/json.ts'

/** What `generate.ts` exports: always the same records, by importer, in the form that the importers take. */
interface Generator {
  readonly generate: () => Readonly<Record<string, Iterable<Json> | AsyncIterable<Json>>>
}

const { generate } = (await import(pathToFileURL(process.argv[2] ?? '').href)) as Partial<Generator>
if (typeof generate !== 'function') throw new Error('it does not export a function `generate`')
for (const [importer, records] of Object.entries(generate()))
  for await (const record of records)
    if (!process.stdout.write(`${JSON.stringify({ importer, record })}\n`)) await once(process.stdout, 'drain')
