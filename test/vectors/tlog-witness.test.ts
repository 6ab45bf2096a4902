/**
 * The witness against the transcripts of a peer (`PLINTH_TRUST_VECTORS`, default `../shared/data/trust-vectors`), skipped loudly where they
 * are not. A witness starts for each file, and gets its requests in order.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseVerifierKey } from '../../src/model/signed-note.ts'
import { logOfKey } from '../../src/transparency-log/cosignature-checkpoint.ts'
import { verifyCosignatures } from '../../src/transparency-log/cosignature.ts'
import { openWitness } from '../../src/transparency-log/witness/open-witness.ts'

const folder = process.env['PLINTH_TRUST_VECTORS'] ?? join(import.meta.dirname, '../../../shared/data/trust-vectors')

// Public keys of the logs that speak in the transcripts: the peer's documentation names the first, the vectors of notes the second.
const TREE = 'sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562'
const logs = [
  logOfKey(parseVerifierKey(`${TREE}+5202289b+Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP`)),
  {
    origin: 'go.sum database tree',
    keys: [parseVerifierKey('sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8')],
  },
]

/**
 * Where we and the peer differ: its answer, and ours.
 * Request 2: its wrong signature is not canonical base64, and a note that does not print back is malformed here before any key is looked at.
 * Request 3: the peer is older than the specification, which now has 404 for a log that is not known.
 */
const KNOWN_DIFFERENCES: Readonly<Record<string, readonly [theirs: number, ours: number]>> = {
  'litewitness.hurl request 2: invalid signature': [403, 400],
  'litewitness.hurl request 3: unknown log': [403, 404],
}

interface Exchange {
  readonly body: string
  readonly status: number
  /** Lines of `[Asserts]`. */
  readonly asserts: readonly string[]
}
function exchangesOf(source: string): readonly Exchange[] {
  const pattern = /^POST \S+\/add-checkpoint\n```\n([\s\S]*?)^```\nHTTP ([0-9]{3})\n\[Asserts\]\n((?:body .*\n?)*)/gm
  return [...source.matchAll(pattern)].map(([, body = '', status, asserts = '']) => ({
    body,
    status: Number(status),
    asserts: asserts.trim().split('\n'),
  }))
}

for (const [file, count] of [
  ['litewitness.hurl', 9],
  ['sumdb.hurl', 1],
] as const) {
  const path = join(folder, 'tlog-witness-litewitness', file)
  const skip = existsSync(path) ? false : `NOT CHECKED: ${path} is not there`
  test(`vectors of peers: tlog-witness-litewitness/${file}`, { skip }, async (t) => {
    const exchanges = exchangesOf(readFileSync(path, 'utf8'))
    assert.equal(exchanges.length, count)
    const dir = mkdtempSync(join(tmpdir(), 'plinth-witness-'))
    t.after(() => rmSync(dir, { recursive: true, force: true }))
    const witness = await openWitness({ dir, name: 'example.com/witness', logs, port: 0 })
    t.after(() => witness.close())
    const differences: string[] = []
    for (const [index, { body, status, asserts }] of exchanges.entries()) {
      const response = await fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body })
      const reply = await response.text()
      const name = `${file} request ${index + 1}: ${/"([^"]*)"/.exec(asserts[0] ?? '')?.[1]}`
      const difference = KNOWN_DIFFERENCES[name]
      if (difference !== undefined) {
        assert.deepEqual([status, response.status], difference, name)
        differences.push(name)
        continue
      }
      assert.equal(response.status, status, `${name}: ${reply}`)
      const exact = /^body == "(.*)\\n"$/.exec(asserts[0] ?? '')?.[1]
      if (exact !== undefined) assert.equal(reply, `${exact}\n`, name)
      if (status === 200)
        assert.equal(verifyCosignatures(body.slice(body.indexOf('\n\n') + 2) + reply, [witness.signer]).length, 1)
    }
    assert.deepEqual(differences, Object.keys(KNOWN_DIFFERENCES).filter((name) => name.startsWith(file)))
  })
}
