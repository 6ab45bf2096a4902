/** What every back end of the key must do (K1, K2): files, and a real ssh-agent with keys that real ssh-keygen made. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { verify } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { openCheckpoint } from '../checkpoint.ts'
import { socketFolder } from '../../../test/support/socket-folder.ts'
import { fileKeys } from './file-keys.ts'
import type { KeyBackEnd } from './key-back-end.ts'
import { openSigner } from './open-signer.ts'
import { sshAgentKeys } from './ssh-agent-keys.ts'
import { noteOf, ORIGIN, requestOf, temporaryDirectory, testLog } from './testing/requests.ts'

const there = spawnSync('ssh-keygen', ['-?']).error === undefined && spawnSync('ssh-agent', ['-h']).error === undefined
const skip = there ? false : 'NOT CHECKED: `ssh-agent` and `ssh-keygen` are not here'

interface Agent {
  readonly socket: string
  /** @returns reference of a new key in it */
  add(name: string): string
  remove(name: string): void
  stop(): Promise<void>
}
async function startAgent(test: TestContext): Promise<Agent> {
  const dir = socketFolder(test)
  const socket = join(dir, 'agent')
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  test.after(stop)
  while (!existsSync(socket) && child.exitCode === null) await sleep(10)
  const ssh = (command: string, ...words: string[]): void => {
    const { status, stderr } = spawnSync(command, words, {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
  }
  return {
    socket,
    add(name) {
      const path = join(dir, name)
      ssh('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path)
      ssh('ssh-add', '-q', path)
      return `ssh-agent:${readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')}`
    },
    remove: (name) => ssh('ssh-add', '-q', '-d', join(dir, name)),
    stop,
  }
}

async function holdsKeys(backEnd: KeyBackEnd, reference: string, other: string): Promise<void> {
  const rest = (text: string): string => text.slice(backEnd.scheme.length + 1)
  const [one, another] = [await backEnd.open(rest(reference)), await backEnd.open(rest(other))]
  for (const bytes of [Buffer.alloc(0), Buffer.from('a checkpoint\n'), Buffer.alloc(5_000, 7)]) {
    const signature = await one.sign(bytes)
    assert.equal(signature.length, 64)
    assert(verify(null, bytes, one.publicKey, signature), 'K1: raw RFC 8032 over the bytes')
    assert(!verify(null, bytes, another.publicKey, signature))
  }
  assert(one.publicKey.equals((await backEnd.open(rest(reference))).publicKey))
}

describe('back ends of the key', () => {
  test('files', async (t) => {
    const backEnd = fileKeys(temporaryDirectory(t))
    const [one, other] = [backEnd.make(), backEnd.make()]
    await holdsKeys(backEnd, one, other)
    backEnd.destroy(one.slice(5))
    backEnd.destroy(one.slice(5))
    assert.throws(() => backEnd.open(one.slice(5)), { code: 'log-key-invalid' })
  })

  test('ssh-agent', { skip }, async (t) => {
    const agent = await startAgent(t)
    await holdsKeys(sshAgentKeys(agent.socket), agent.add('one'), agent.add('other'))
  })

  test(
    'a log whose key is in an agent: signed, refused when the key is gone, and on when it is back',
    { skip },
    async (t) => {
      const agent = await startAgent(t)
      const [key, nextKey] = [agent.add('one'), agent.add('next')]
      const dir = temporaryDirectory(t)
      const options = { dir, origin: ORIGIN, key, nextKey, backEnds: [sshAgentKeys(agent.socket)] }
      const signer = await openSigner(options)
      const log = testLog(20)
      const { epoch, vkey, backEnd } = await signer.claim()
      assert.equal(backEnd, 'ssh-agent')
      const note = noteOf(await signer.sign(requestOf(log, epoch, 0, 10)))
      assert.equal(openCheckpoint(note, parseVerifierKey(vkey)).size, 10)
      agent.remove('one')
      await assert.rejects(signer.sign(requestOf(log, epoch, 10, 15)), { code: 'signer-unavailable' })
      await signer.close()
      await assert.rejects(openSigner(options), { code: 'log-key-invalid' })
      await agent.stop()
      await assert.rejects(openSigner(options), { code: 'signer-unavailable' })
    },
  )

  test('an agent that says nothing, or nonsense, is no agent', { skip }, async (t) => {
    const key = (await startAgent(t)).add('one')
    for (const answer of [
      Buffer.from([0, 0, 0, 1, 5]),
      Buffer.from('HTTP/1.1 400\r\n\r\n'),
      Buffer.from([0, 0, 0, 5, 12, 255, 255, 255, 255]),
    ]) {
      const path = join(socketFolder(t), 'agent')
      const server = createServer((socket) => socket.on('error', () => {}).end(answer)).listen(path)
      await once(server, 'listening')
      await assert.rejects(sshAgentKeys(path).open(key.slice(10)), { code: 'signer-unavailable' })
      server.close()
    }
    await assert.rejects(sshAgentKeys('/nonexistent').open(key.slice(10)), { code: 'signer-unavailable' })
    await assert.rejects(sshAgentKeys(null).open(key.slice(10)), { code: 'log-key-invalid' })
    for (const bad of ['', 'ssh-rsa AAAA', 'ssh-ed25519 AAAA', key.slice(10, -1)])
      await assert.rejects(sshAgentKeys(null).open(bad), { code: 'usage' }, bad)
  })
})
