import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evaluate, printRounded } from './arithmetic.ts'

const said = (expression: string): string | undefined => {
  const value = evaluate(expression)
  return value === undefined ? undefined : printRounded(value)
}

for (const [expression, text] of [
  ['2 + 2', '4.0'],
  ['10 / 3', '3.33'],
  ['2 * (350 - 122) + -(3)', '453.0'],
  ['1 - 2 - 3', '-4.0'],
  ['8 / 4 / 2', '1.0'],
  ['.5 + 1.', '1.5'],
  ['0.125 * 1', '0.12'],
  ['0.375', '0.38'],
  ['0 - 0.125', '-0.12'],
  ['2.675', '2.67'],
  ['0 - 0.001', '-0.0'],
  ['10000000000000000', '1e+16'],
  ['--1', '1.0'],
] as const)
  test(`${expression} is ${text}`, () => assert.equal(said(expression), text))

for (const expression of ['', '2 +', '(1', '1)', '1 2', '2 ** 3', '1 / 0', '0 / 0', 'process', '1,5', '()', '1..2'])
  test(`\`${expression}\` is no expression`, () => assert.equal(said(expression), undefined))

test('nesting is followed only so far', () => {
  assert.equal(said(`${'('.repeat(50)}1${')'.repeat(50)}`), '1.0')
  assert.equal(said(`${'('.repeat(5_000)}1${')'.repeat(5_000)}`), undefined)
})
