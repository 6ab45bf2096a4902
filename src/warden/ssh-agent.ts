/**
 * Signs with an Ed25519 key that an SSH agent holds: the key never comes here, and may be anywhere that the agent can ask (a hardware token, another
 * machine, a confirmation by hand). Protocol: draft-miller-ssh-agent, of which this speaks two requests.
 */
import { createConnection, type Socket } from 'node:net'
import { problem } from '../model/problems.ts'
import type { OperatorSigner } from './operator-signer.ts'

const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14
const KEY_TYPE = 'ssh-ed25519'
const ANSWER_BYTES_MAX = 256 * 1024
/** A person may have to confirm, or to touch a token. */
const ANSWER_MS_MAX = 60_000
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * @param publicKey of the operator, base64 SPKI, as the snapshot names it: the agent must hold the key to it
 * @throws `operator-key-invalid` when no agent answers, or it does not hold the key
 */
export async function sshAgentSigner(id: string, publicKey: string, socketPath: string): Promise<OperatorSigner> {
  const blob = (await agentKeys(socketPath)).find(({ spki }) => spki === publicKey)?.blob
  if (blob === undefined) throw problem('operator-key-invalid', `the SSH agent does not hold the key of \`${id}\``)
  return {
    id,
    publicKey,
    async sign(bytes) {
      const flags = Buffer.alloc(4)
      const answer = await ask(socketPath, SIGN_REQUEST, Buffer.concat([text(blob), text(bytes), flags]), SIGN_RESPONSE)
      const signature = new Reader(new Reader(answer).text())
      const type = signature.text().toString()
      const raw = signature.text()
      if (type !== KEY_TYPE || raw.length !== 64)
        throw problem('operator-key-invalid', `the agent signed with \`${type}\``)
      return raw
    },
  }
}

/** The Ed25519 keys that an agent holds. @throws `operator-key-invalid` */
export async function agentKeys(
  socketPath: string,
): Promise<readonly { readonly blob: Buffer; readonly spki: string; readonly comment: string }[]> {
  const reader = new Reader(await ask(socketPath, REQUEST_IDENTITIES, Buffer.alloc(0), IDENTITIES_ANSWER))
  const keys: { blob: Buffer; spki: string; comment: string }[] = []
  for (let left = reader.number(); left > 0; left--) {
    const blob = reader.text()
    const comment = reader.text().toString()
    const spki = spkiOf(blob)
    if (spki !== null) keys.push({ blob, spki, comment })
  }
  return keys
}

/** The key of a line as `ssh-add -L` or a `.pub` file has it: `ssh-ed25519 AAAA… comment`. Null for another kind of key, or no key. */
export function spkiOfSshKey(line: string): string | null {
  const [type, encoded = ''] = line.trim().split(/\s+/)
  if (type !== KEY_TYPE) return null
  try {
    return spkiOf(Buffer.from(encoded, 'base64'))
  } catch {
    return null
  }
}

function spkiOf(blob: Buffer): string | null {
  const reader = new Reader(blob)
  if (reader.text().toString() !== KEY_TYPE) return null
  return Buffer.concat([SPKI_ED25519, reader.text()]).toString('base64')
}

function ask(socketPath: string, type: number, body: Buffer, expected: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = createConnection(socketPath)
    const fail = (detail: string, cause?: unknown): void => {
      socket.destroy()
      reject(problem('operator-key-invalid', detail, {}, cause))
    }
    let received = Buffer.alloc(0)
    socket.setTimeout(ANSWER_MS_MAX, () => fail('the SSH agent did not answer in time'))
    socket.on('error', (cause) => fail('no SSH agent answers: is SSH_AUTH_SOCK set?', cause))
    socket.on('close', () => fail('the SSH agent hung up'))
    socket.on('data', (part) => {
      received = Buffer.concat([received, part])
      if (received.length < 5) return
      const length = received.readUInt32BE(0)
      if (length < 1 || length > ANSWER_BYTES_MAX) return fail('what answers is not an SSH agent')
      if (received.length < 4 + length) return
      if (received[4] !== expected) return fail('the SSH agent refused')
      resolve(received.subarray(5, 4 + length))
      socket.destroy()
    })
    const head = Buffer.alloc(5)
    head.writeUInt32BE(body.length + 1, 0)
    head[4] = type
    socket.write(Buffer.concat([head, body]))
  })
}

const text = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length, 0)
  return Buffer.concat([length, bytes])
}

class Reader {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  number(): number {
    if (this.#at + 4 > this.#bytes.length) throw problem('operator-key-invalid', 'the SSH agent’s answer is cut short')
    this.#at += 4
    return this.#bytes.readUInt32BE(this.#at - 4)
  }
  text(): Buffer {
    const length = this.number()
    const from = this.#at
    if (from + length > this.#bytes.length) throw problem('operator-key-invalid', 'the SSH agent’s answer is cut short')
    this.#at += length
    return this.#bytes.subarray(from, from + length)
  }
}
