import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../model/problems.ts'
import { JSON_DEPTH_MAX, readJson, readJsonBytes } from './strict-json.ts'

const refuses = (text: string | Buffer, what: RegExp) =>
  assert.throws(
    () => (typeof text === 'string' ? readJson(text) : readJsonBytes(text)),
    (error) => error instanceof Problem && error.code === 'malformed-json' && what.test(error.detail),
    JSON.stringify(text.toString()).slice(0, 80),
  )

test('reads every kind of value, with space around it', () => {
  const text = ' {"a":[1,-2.5,3e2,"x\\u00e9\\n\\ud83d\\ude00é",true,false,null,{}],"b":{"c":[]}} \n'
  assert.deepEqual(readJson(text), JSON.parse(text))
})

test('a member may be named as something that objects inherit', () => {
  const value = readJson('{"constructor":1,"toString":2,"hasOwnProperty":3}')
  assert.deepEqual(Object.keys(value as object), ['constructor', 'toString', 'hasOwnProperty'])
})

test('`__proto__` is refused at any depth, also when escaped', () => {
  refuses('{"__proto__":{"admin":true}}', /__proto__/)
  refuses('{"a":[{"\\u005f_proto__":1}]}', /__proto__/)
})

test('a member name may stand once, however it is written', () => {
  refuses('{"a":1,"a":1}', /twice/)
  refuses('{"a":1,"\\u0061":2}', /twice/)
})

test('bytes that are not UTF-8, and byte order marks, are refused', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xe2, 0x82, 0x22],
  ])
    refuses(Buffer.from(bytes), /UTF-8/)
  refuses(Buffer.from([0xef, 0xbb, 0xbf, 0x31]), /value was expected/)
  refuses(Buffer.from('"x"', 'utf16le'), /value was expected|control|string does not end|more was expected/)
})

test('half of a surrogate pair is refused, in names and values', () => {
  refuses('"\\ud800"', /surrogate/)
  refuses('{"\\udc00":1}', /surrogate/)
})

test('a number that a double cannot hold is refused', () => {
  refuses('9007199254740993', /2\^53/)
  refuses('-12345678901234567890', /2\^53/)
  refuses('1e999', /out of range/)
  assert.equal(readJson('9007199254740991'), Number.MAX_SAFE_INTEGER)
  assert.ok(Object.is(readJson('-0'), 0))
})

test(`values nest ${JSON_DEPTH_MAX} deep and no deeper`, () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  readJson(nested(JSON_DEPTH_MAX))
  refuses(nested(JSON_DEPTH_MAX + 1), /nested/)
  refuses('['.repeat(100_000), /nested/)
  refuses('{"a":'.repeat(JSON_DEPTH_MAX + 1), /nested/)
})

test('what JSON does not allow is refused', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '[1,]',
    '{"a":1,}',
    '{a:1}',
    "{'a':1}",
    '01',
    '+1',
    '.5',
    '1.',
    '1e',
    'NaN',
    'tru',
    'nulls',
    '"\t"',
    '"\\x"',
    '"\\u12"',
    '"a',
    '1 2',
    '[1 2]',
    '{"a" 1}',
    '[]]',
    '//',
    '\u00a01',
  ])
    refuses(text, /./)
})
