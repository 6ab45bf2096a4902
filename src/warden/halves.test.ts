import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const FOLDER = import.meta.dirname
const SOURCE = resolve(FOLDER, '..')
const WRITING = [
  ...['publish.ts', 'changes.ts', 'secrets.ts', 'warden.ts', 'journal.ts', 'first-authority.ts', 'operator-signer.ts'],
  ...['operate.ts', 'door.ts', 'door-client.ts', 'door-file.ts', 'change-document.ts', 'change-request.ts'],
]
const READING = ['authority.ts', 'snapshot.ts', 'source.ts', 'approval-decision.ts', 'switches.ts', 'lease.ts']

/** Every file that loading one loads, relative to src/. */
function reached(file: string, found = new Set<string>()): ReadonlySet<string> {
  const name = relative(SOURCE, file)
  if (found.has(name)) return found
  found.add(name)
  for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g))
    reached(resolve(file, '..', specifier ?? ''), found)
  return found
}

test('nothing that the reading half loads can sign or write', () => {
  for (const file of READING) {
    const files = reached(join(FOLDER, file))
    assert.deepEqual(
      WRITING.filter((one) => files.has(`warden/${one}`)),
      [],
      file,
    )
  }
})

test('the walk sees what it must see', () => {
  assert.ok(reached(join(FOLDER, 'warden.ts')).has('warden/secrets.ts'))
})
