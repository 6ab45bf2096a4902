/** docs/reference/attacks.md is true: what it links to is there, what it quotes is the title of a test there, and no code is left out. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const PAGE = join(import.meta.dirname, '../../docs/reference/attacks.md')
const CODES = [
  ...Array.from({ length: 11 }, (_, i) => `A${i + 1}`),
  ...Array.from({ length: 7 }, (_, i) => `B${i + 1}`),
  ...Array.from({ length: 7 }, (_, i) => `C${i + 1}`),
]
const rows = readFileSync(PAGE, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (attack|code|-+) /.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))
const linksIn = (text: string): readonly string[] => [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path ?? '')
const textOf = (path: string): string => readFileSync(join(dirname(PAGE), path), 'utf8')
const titlesIn = (path: string): string =>
  [...textOf(path).matchAll(/\btest\(\s*([`'"])((?:\\.|(?!\1)[^])*)\1/g)].map(([, , title]) => title).join('\n')

test('each attack names a test that is there', () => {
  const attacks = rows.filter(([first]) => !CODES.includes(first ?? ''))
  assert.ok(attacks.length > 10)
  for (const [attack, , tests = ''] of attacks) {
    const links = linksIn(tests)
    assert.notDeepEqual(links, [], attack)
    const titles = links.map(titlesIn).join('\n')
    for (const [, quoted = ''] of tests.matchAll(/`([^`]+)`/g))
      assert.ok(titles.includes(quoted), `no test of ${links.join(' or ')} is called \`${quoted}\``)
  }
})

test('each code is there once: with a test of that name, a measurement, or what it waits for', () => {
  const regressions = rows.filter(([first]) => CODES.includes(first ?? ''))
  assert.deepEqual(
    regressions.map(([code]) => code),
    CODES,
  )
  for (const [code, , here = ''] of regressions) {
    const named = linksIn(here)
      .filter((path) => path.endsWith('.test.ts'))
      .some((path) => new RegExp(`^${code}[:,]|^A6, ${code}:`, 'm').test(titlesIn(path)))
    const waits = here.includes('waits for')
    const measured = here.startsWith('[measured]') && linksIn(here).every((path) => textOf(path) !== '')
    assert.ok(named || waits || measured, `${code}: ${here}`)
  }
})
