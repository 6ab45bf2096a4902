/** In the seat of an agent that looks back: what it may see is decided by what holds now, whatever position it reads at. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBank } from '../support/bank-system.ts'

test('a read of the past needs permission then and now', async (t) => {
  const album = await openBank(t, { application: join(import.meta.dirname, 'album') })
  const positionAfter = async (outcome: ReturnType<typeof album.do>): Promise<number> => {
    const done = await outcome
    assert.ok(done.kind === 'committed', JSON.stringify(done))
    return done.position
  }
  const hung = await positionAfter(album.do('hang', { picture: 'p', title: 'A secret' }))
  const seen = async (at?: number) => {
    const answer = await album.ask('see', { picture: 'p' }, at === undefined ? {} : { at })
    return answer.kind === 'denied' ? answer.rules : answer.kind
  }
  assert.deepEqual([await seen(), await seen(hung)], ['answered', 'answered'])
  const turned = await positionAfter(album.do('turn', { picture: 'p', shown: false }))
  for (const at of [undefined, hung, turned]) assert.deepEqual(await seen(at), ['what-is-shown'], String(at))
  const again = await positionAfter(album.do('turn', { picture: 'p', shown: true }))
  assert.deepEqual([await seen(), await seen(hung), await seen(again)], ['answered', 'answered', 'answered'])
  assert.deepEqual(await seen(turned), ['what-is-shown'])
})
