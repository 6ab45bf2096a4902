/**
 * Keys in an ssh-agent: the agent signs, and gives no private key away. References are OpenSSH public keys, as `ssh-add -L` prints them:
 * `ssh-agent:ssh-ed25519 AAAA…`. The agent keeps no state of the log, and is not asked to.
 * Source: the OpenSSH agent protocol (draft-ietf-sshm-ssh-agent), the two requests that are needed of it.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { problem, type Problem } from '../../model/problems.ts'
import { strictBase64 } from '../../model/signed-note.ts'
import type { KeyBackEnd, KeyHolder } from './key-back-end.ts'

const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14
const ED25519 = 'ssh-ed25519'
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex') // DER header before the 32 key bytes
const ANSWER_BYTES_MAX = 1 << 20
/** An agent may ask a person to confirm; a log cannot wait for that. */
const ANSWER_WITHIN_MS = 4_000

/** @param agent path of the agent's socket; null when there is none, which is said when a key is needed */
export function sshAgentKeys(agent: string | null): KeyBackEnd {
  return {
    scheme: 'ssh-agent',
    make() {
      throw problem('usage', 'keys of an ssh-agent are made with `ssh-keygen` and `ssh-add`: name the next one')
    },
    async open(reference) {
      const blob = blobOf(reference)
      const path = agent ?? missing('no agent is known: set `SSH_AUTH_SOCK`, or give the signer `--ssh-agent`')
      if (!(await identities(path)).some((one) => one.equals(blob)))
        throw problem('log-key-invalid', `the agent at \`${path}\` does not hold \`${reference}\``)
      return holderOf(path, blob)
    },
    destroy: () => {}, // `ssh-add -d` is for whoever runs the agent
  }
}

function holderOf(path: string, blob: Buffer): KeyHolder {
  return {
    publicKey: publicKeyOf(blob),
    async sign(bytes) {
      const flags = Buffer.alloc(4)
      const answer = new Reader(await ask(path, SIGN_REQUEST, SIGN_RESPONSE, [text(blob), text(bytes), flags]))
      const signature = new Reader(answer.text())
      if (signature.text().toString() !== ED25519) throw unreadable()
      return signature.text()
    },
    close: () => {},
  }
}

/** @throws `usage` for what is no OpenSSH Ed25519 key */
function blobOf(reference: string): Buffer {
  const [type, encoded = ''] = reference.split(' ')
  const blob = strictBase64(encoded)
  if (type !== ED25519 || blob === null || blob.length !== 51 || !blob.subarray(0, 19).equals(BLOB_HEADER))
    throw problem('usage', `\`${reference}\` is not \`ssh-ed25519 AAAA…\`: take a line of \`ssh-add -L\``)
  return blob
}

const BLOB_HEADER = Buffer.concat([text(ED25519), Buffer.of(0, 0, 0, 32)])
const publicKeyOf = (blob: Buffer): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI_ED25519, blob.subarray(19)]), format: 'der', type: 'spki' })

async function identities(path: string): Promise<Buffer[]> {
  const answer = new Reader(await ask(path, REQUEST_IDENTITIES, IDENTITIES_ANSWER, []))
  return Array.from({ length: answer.count() }, () => {
    const blob = answer.text()
    answer.text() // comment
    return blob
  })
}

/** One connection for each request: agents come and go, and a signature takes longer than a connection. @throws `signer-unavailable` */
async function ask(path: string, type: number, wanted: number, parts: readonly Uint8Array[]): Promise<Buffer> {
  const socket = connect(path)
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
  try {
    const body = Buffer.concat([Buffer.of(type), ...parts])
    socket.write(text(body))
    let answer = Buffer.alloc(0)
    for (;;) {
      const [chunk] = (await once(socket, 'data', { signal })) as [Buffer]
      answer = Buffer.concat([answer, chunk])
      const length = answer.length < 4 ? 0 : answer.readUInt32BE()
      if (length > ANSWER_BYTES_MAX) throw unreadable()
      if (answer.length < 4 || answer.length < 4 + length) continue
      if (answer[4] !== wanted)
        throw problem('signer-unavailable', 'the agent refused: is the key still in it, and unlocked?')
      return answer.subarray(5, 4 + length)
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'signer-unavailable') throw error
    throw problem('signer-unavailable', `the agent at \`${path}\` did not answer`, {}, error)
  } finally {
    socket.on('error', () => {}).destroy()
  }
}

class Reader {
  #rest: Buffer
  constructor(bytes: Buffer) {
    this.#rest = bytes
  }
  count(): number {
    if (this.#rest.length < 4) throw unreadable()
    const value = this.#rest.readUInt32BE()
    this.#rest = this.#rest.subarray(4)
    return value
  }
  text(): Buffer {
    const length = this.count()
    if (length > this.#rest.length) throw unreadable()
    const value = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return value
  }
}

/** A string of the protocol: length, then bytes. */
function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
const unreadable = (): Problem => problem('signer-unavailable', 'the agent gave an answer that cannot be read')
const missing = (detail: string): never => {
  throw problem('log-key-invalid', detail)
}
