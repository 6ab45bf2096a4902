import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../model/problems.ts'
import { parse, type Command } from './command.ts'

const command: Command = {
  name: 'try',
  summary: 'a command',
  usage: ['try A [B]'],
  options: {
    limit: { type: 'string', value: 'N', describe: '' },
    role: { type: 'string', multiple: true, describe: '' },
    yes: { type: 'boolean', describe: '' },
  },
  words: [1, 2],
  load: () => Promise.reject(new Error('not run here')),
}
const usage = (error: unknown): boolean => error instanceof Problem && error.code === 'usage'

test('words and options are read', () => {
  const { words, options } = parse(command, ['a', '--limit', '7', '--role', 'x', '--role', 'y', '--yes', 'b'])
  assert.deepEqual(words, ['a', 'b'])
  assert.equal(options.number('limit', 10), 7)
  assert.deepEqual(options.list('role'), ['x', 'y'])
  assert.equal(options.flag('yes'), true)
  assert.equal(options.text('nothing'), null)
})

for (const args of [[], ['a', 'b', 'c'], ['a', '--unknown'], ['a', '--limit'], ['a', '--yes=maybe']])
  test(`\`${args.join(' ')}\` is a usage problem`, () => assert.throws(() => parse(command, args), usage))

for (const [args, said] of [
  [['a', '--limt', '7'], 'there is no option `--limt`; is `--limit` meant?'],
  [['a', '--colour'], 'there is no option `--colour`'],
  [['a', '--limit'], 'option `--limit` needs a value; one that begins with a dash is written `--limit=N`'],
  [['a', '--limit', '-1'], 'option `--limit` needs a value; one that begins with a dash is written `--limit=N`'],
  [['a', '--yes=maybe'], 'option `--yes` takes no value'],
] as const)
  test(`\`${args.join(' ')}\`: ${said}`, () =>
    assert.throws(
      () => parse(command, args),
      (error) => error instanceof Problem && error.detail === said,
    ))

for (const limit of ['11', '-1', '01', '1.5', '1e3', 'x', ''])
  test(`\`--limit ${limit}\` is no number from 0 to 10`, () => {
    const { options } = parse(command, ['a', `--limit=${limit}`])
    assert.throws(() => options.number('limit', 10), usage)
  })
