/** A process that speaks the cell's protocol until it is asked to start `evil`; then it breaks it in the way that the input names. */
import { spawn } from 'node:child_process'
import type { Jail } from '../jail/jail.ts'

const SOURCE = String.raw`
const { readSync, writeSync } = require('node:fs')
let input = Buffer.alloc(0)
const chunk = Buffer.alloc(1 << 16)
function frame(status, id, text, length) {
  const bytes = Buffer.from(text)
  const out = Buffer.alloc(13 + bytes.length)
  out.writeUInt32LE(length ?? 9 + bytes.length, 0)
  out[4] = status
  out.writeUInt32LE(id, 5)
  bytes.copy(out, 13)
  return out
}
const write = (...frames) => { const all = Buffer.concat(frames); let at = 0; while (at < all.length) at += writeSync(1, all, at) }
const good = '{"kind":"accepted","result":1,"facts":null,"events":[],"effects":[],"states":[],"rows":[]}'
const wanting = (reads) => (id) => write(frame(3, id, JSON.stringify(reads)))
const answering = (text) => (id) => write(frame(2, id, text))
const broken = {
  'no known status': (id) => write(frame(77, id, good)),
  'a frame too long': (id) => write(frame(2, id, good, 0xffff_0000)),
  'a frame too short': (id) => write(frame(2, id, good, 3)),
  'an id that nobody knows': (id) => write(frame(2, id + 1000, good)),
  'an answer twice': (id) => write(frame(2, id, good), frame(2, id, good)),
  'bytes without sense': () => write(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(9))),
  'a closed pipe': () => { require('node:fs').closeSync(1); for (;;) readSync(0, chunk) },
  'a sudden end': () => process.exit(3),
  'a crash': () => process.abort(),
  'half a frame and an end': (id) => { write(frame(2, id, good, 5000)); process.exit(0) },
  'an answer that is not JSON': answering('{"kind"'),
  'an answer of another shape': answering('{"kind":"accepted"}'),
  'an answer of another kind': answering('{"kind":"answered","result":1}'),
  'events of another shape': answering(good.replace('"events":[]', '"events":[{"entity":1}]')),
  'rows of another shape': answering(good.replace('"rows":[]', '"rows":[{"model":"m","id":"i","key":"k","row":7}]')),
  'a member named __proto__': answering(good.replace('"result":1', '"result":{"__proto__":{"polluted":1}}')),
  'a member named __proto__ by an escape': answering(good.replace('"result":1', '"result":{"\\u005f_proto__":{"polluted":1}}')),
  'deep nesting': answering(good.replace('"result":1', '"result":' + '['.repeat(5e5) + ']'.repeat(5e5))),
  'a lone surrogate': answering(good.replace('"result":1', '"result":"\\ud800"')),
  'bytes that are not UTF-8': (id) => { const f = frame(2, id, good); f[30] = 0xff; write(f) },
  'more bytes than allowed': answering(good.replace('"result":1', '"result":"' + 'x'.repeat(2 << 20) + '"')),
  'reads of no form': wanting({ get: 1 }),
  'reads without ticket': wanting([{ entity: 'order', id: '1' }]),
  'a find without limit': wanting([{ ticket: 1, find: { model: 'm', where: {}, order: [], limit: 1e9, after: null } }]),
  'too many reads': wanting(Array.from({ length: 1500 }, (_, n) => ({ ticket: n, entity: 'order', id: String(n) }))),
  'reads without end': (id) => write(frame(3, id, '[{"ticket":1,"entity":"order","id":"1"}]')),
  'a failure that is not JSON': (id) => write(frame(4, id, 'oh no')),
  'a failure of strange form': (id) => write(frame(4, id, '{"code":{"a":1},"detail":["x"]}')),
  'no answer at all': () => { for (;;) readSync(0, chunk) },
  'errors without end': () => { for (;;) writeSync(2, 'x'.repeat(65536)) },
}
for (;;) {
  const count = readSync(0, chunk)
  if (count === 0) process.exit(0)
  input = Buffer.concat([input, chunk.subarray(0, count)])
  while (input.length >= 13 && input.length >= 4 + input.readUInt32LE(0)) {
    const [op, id, text] = [input[4], input.readUInt32LE(5), input.toString('utf8', 13, 4 + input.readUInt32LE(0))]
    input = input.subarray(4 + input.readUInt32LE(0))
    const way = /"way":"([^"]*)"/.exec(text)?.[1]
    if (op === 3 && way !== undefined) broken[way](id)
    else if (op === 4) broken['reads without end'](id)
    else if (op !== 5) write(frame(2, id, op === 3 ? good : ''))
  }
}
`

export const WAYS: readonly string[] = [...SOURCE.matchAll(/^ {2}'([^']+)': /gm)].map(([, way]) => way as string)

export const brokenJail = (): Jail => ({
  kind: 'plain',
  name: 'broken on purpose',
  engine: '',
  start: () =>
    spawn(process.execPath, ['--no-warnings', '--eval', SOURCE], { env: {}, stdio: ['pipe', 'pipe', 'pipe'] }),
  pidOf: (child) => child.pid,
  close() {},
})
