/** Operator keys: in a file under a passphrase, and in a real SSH agent. Both sign what the warden takes. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test, type TestContext } from 'node:test'
import { socketFolder } from '../../test/support/socket-folder.ts'
import { Problem } from '../model/problems.ts'
import {
  newOperatorKeyFile,
  openOperatorKeyFile,
  parseOperatorKeyFile,
  type OperatorKeyFile,
} from './operator-key-file.ts'
import { memorySigner, type OperatorSigner } from './operator-signer.ts'
import { signedBytes } from './change-request.ts'
import { newEd25519 } from './secrets.ts'
import { agentKeys, spkiOfSshKey, sshAgentSigner } from './ssh-agent.ts'
import { testWarden } from './testing/test-warden.ts'

const invalid = (error: unknown): boolean => error instanceof Problem && error.code === 'operator-key-invalid'
const PASSPHRASE = 'correct horse, früher'

/** What every signer must do: the warden takes its signature as that of the operator. */
async function signsForWarden(t: TestContext, signer: OperatorSigner): Promise<void> {
  const made = testWarden(t)
  const { id, publicKey } = signer
  await made.change({ change: 'add-operator', operator: { id, algorithm: 'ed25519', publicKey, roles: ['revoke'] } })
  const text = made.text({ change: 'revoke', principal: 'agent' })
  const signature = (await signer.sign(signedBytes(text))).toString('base64')
  const done = made.warden.submit({ request: text, operator: id, signature })
  assert.deepEqual(done.kind === 'published' && done.signedBy, [id])
}

test('a key in memory signs what the warden takes', (t) =>
  signsForWarden(t, memorySigner('zoe', newEd25519().privateKey)))

describe('a key file', () => {
  let file: OperatorKeyFile
  before(async () => {
    file = await newOperatorKeyFile('zoe', PASSPHRASE)
  })

  test('with its passphrase, however that is composed, signs what the warden takes', async (t) => {
    const read = parseOperatorKeyFile(JSON.parse(JSON.stringify(file)))
    await signsForWarden(t, await openOperatorKeyFile(read, PASSPHRASE.normalize('NFD')))
  })
  test('holds nothing of the private key in the clear', () => {
    assert.deepEqual(Object.keys(file), ['format', 'id', 'publicKey', 'scrypt', 'nonce', 'sealed'])
    assert.ok(!JSON.stringify(file).includes('PRIVATE'))
  })
  test('is nothing under another passphrase', async () => {
    await assert.rejects(openOperatorKeyFile(file, 'correct horse'), invalid)
  })
  for (const [name, change] of [
    ['another id', { id: 'eve' }],
    ['another public key', { publicKey: newEd25519().publicKey }],
    ['other sealed bytes', { sealed: Buffer.alloc(64).toString('base64') }],
    ['too few sealed bytes', { sealed: 'AAAA' }],
    ['another nonce', { nonce: Buffer.alloc(12).toString('base64') }],
  ] as const)
    test(`is nothing with ${name}`, async () => {
      await assert.rejects(openOperatorKeyFile({ ...file, ...change }, PASSPHRASE), invalid)
    })
  test('cannot ask for all memory, and is told from other files', () => {
    assert.throws(() => parseOperatorKeyFile({ ...file, scrypt: { ...file.scrypt, N: 2 ** 30 } }), invalid)
    for (const other of [null, {}, [], 'x', { ...file, more: 1 }])
      assert.throws(() => parseOperatorKeyFile(other), invalid)
  })
  test('is not made under a short passphrase', async () => {
    await assert.rejects(newOperatorKeyFile('zoe', 'short'), invalid)
  })
})

const agentMissing = ['/usr/bin/ssh-agent', '/usr/bin/ssh-add', '/usr/bin/ssh-keygen'].find((path) => !existsSync(path))
describe('an SSH agent', { skip: agentMissing === undefined ? false : `${agentMissing} is not installed` }, () => {
  async function startAgent(t: TestContext): Promise<{ readonly socket: string; readonly folder: string }> {
    const folder = socketFolder(t)
    const socket = join(folder, 'agent.sock')
    const agent = spawn('/usr/bin/ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    t.after(async () => {
      agent.kill()
      if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit')
    })
    while (!existsSync(socket) && agent.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10))
    return { socket, folder }
  }
  function addKey({ socket, folder }: { socket: string; folder: string }, type: string, name: string): string {
    const path = join(folder, name)
    execFileSync('/usr/bin/ssh-keygen', ['-q', '-t', type, '-N', '', '-C', name, '-f', path])
    execFileSync('/usr/bin/ssh-add', ['-q', path], { env: { SSH_AUTH_SOCK: socket } })
    return readFileSync(`${path}.pub`, 'utf8')
  }

  test('signs with a key that it never hands out; what the warden takes', async (t) => {
    const agent = await startAgent(t)
    addKey(agent, 'ecdsa', 'other')
    const publicKey = spkiOfSshKey(addKey(agent, 'ed25519', 'zoe')) ?? ''
    assert.deepEqual(
      (await agentKeys(agent.socket)).map(({ spki, comment }) => [spki, comment]),
      [[publicKey, 'zoe']],
    )
    await signsForWarden(t, await sshAgentSigner('zoe', publicKey, agent.socket))
  })
  test('that does not hold the key, has been locked, or is not there, is said to be so', async (t) => {
    const agent = await startAgent(t)
    await assert.rejects(sshAgentSigner('zoe', newEd25519().publicKey, agent.socket), invalid)
    const publicKey = spkiOfSshKey(addKey(agent, 'ed25519', 'zoe')) ?? ''
    const signer = await sshAgentSigner('zoe', publicKey, agent.socket)
    execFileSync('/usr/bin/ssh-add', ['-q', '-D'], { env: { SSH_AUTH_SOCK: agent.socket }, stdio: 'ignore' })
    await assert.rejects(signer.sign(Buffer.from('x')), invalid)
    await assert.rejects(sshAgentSigner('zoe', publicKey, join(agent.folder, 'nothing')), invalid)
  })
  test('keys of other kinds are not taken for operators', () => {
    assert.equal(spkiOfSshKey('ssh-rsa AAAAB3NzaC1yc2E= x'), null)
    assert.equal(spkiOfSshKey('ssh-ed25519 AAAA x'), null)
    assert.equal(spkiOfSshKey(''), null)
  })
})
