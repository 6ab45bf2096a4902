import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './nearest.ts'

const KNOWN = ['start', 'state', 'switch', 'dev', 'log']

for (const [word, meant] of [
  ['strat', 'start'],
  ['stat', 'state'],
  ['swich', 'switch'],
  ['dve', null],
  ['lg', 'log'],
  ['approve', null],
  ['x', null],
  ['', null],
  ['s'.repeat(10_000), null],
] as const)
  test(`\`${word.slice(0, 20)}\` may mean ${meant}`, () => assert.equal(nearest(word, KNOWN), meant))
