/** `plinth --help` answers at once because it loads next to nothing: what a command needs is loaded when it runs. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'node:test'
import { importsOf } from '../../tools/import-rules.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Files that loading one loads at once: `import()` is left for later. */
function loaded(file: string, found = new Set<string>(), packages = new Set<string>()) {
  if (found.has(file)) return { found, packages }
  found.add(file)
  const source = readFileSync(join(ROOT, file), 'utf8').replaceAll(/\bimport\(/g, 'later(')
  for (const { specifier, typeOnly } of importsOf(file, source)) {
    if (typeOnly || specifier.startsWith('node:')) continue
    if (specifier.startsWith('.')) loaded(posix.join(posix.dirname(file), specifier), found, packages)
    else packages.add(specifier)
  }
  return { found, packages }
}

test('the help loads no package, no engine and no command', () => {
  const { found, packages } = loaded('src/main.ts')
  assert.deepEqual([...packages], [])
  // Of the host only what has to come before anything else.
  const others = [...found].filter(
    (file) => !/^src\/(main\.ts|host\/(guard-process|small-heap)\.ts|model\/|doors\/cli\/[a-z-]+\.ts)/.test(file),
  )
  assert.deepEqual(others, [])
  assert.ok(found.size < 20, [...found].join('\n'))
})
