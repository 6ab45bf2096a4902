/** A key of small order would verify signatures that nobody made. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { parseVerifierKey } from './signed-note.ts'

const vkey = (raw: string): string => {
  const typed = Buffer.from(`01${raw}`, 'hex')
  const id = createHash('sha256').update('log.example\n').update(typed).digest('hex').slice(0, 8)
  return `log.example+${id}+${typed.toString('base64')}`
}

test('no point of small order is taken as a key, whatever its sign bit', () => {
  const points = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ]
  for (const point of points) {
    const signed = Buffer.from(point, 'hex')
    signed[31] = (signed[31] as number) | 0x80
    for (const raw of [point, signed.toString('hex')]) assert.throws(() => parseVerifierKey(vkey(raw)), /small order/)
  }
  parseVerifierKey(vkey('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'))
})
