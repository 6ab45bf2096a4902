/** Credential files of a data directory: what one principal needs to act, readable by its owner alone (mode 0600). */
import { createPrivateKey, sign } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../../model/problems.ts'
import type { OperatorKey } from '../../warden/operator-signer.ts'
import { readJson } from './connection.ts'

export interface Credential {
  readonly principal: string
  readonly apiKey: string
  /** PKCS #8, PEM; null for who may not decide approvals. */
  readonly approvalKey: string | null
}
/** The operator's file also holds the key that signs requests to the warden. The runtime has no use for it. */
export interface OperatorCredential extends Credential {
  readonly operatorKey: OperatorKey
}
export const OPERATOR_FILE = 'operator.json'
export const AGENT_FILE = 'agent.json'
export const FRONT_DOOR_FILE = 'front-door.json'

/** @throws `usage` when the file is not there, `malformed-json` when it is not a credential */
export async function readCredential(path: string): Promise<Credential> {
  const file = await readJson(path)
  if (file === null) throw problem('usage', `there is no credential file \`${path}\``)
  const { principal, apiKey, approvalKey } = file
  if (typeof principal !== 'string' || typeof apiKey !== 'string')
    throw problem('malformed-json', `\`${path}\` is not a credential file`)
  return { principal, apiKey, approvalKey: typeof approvalKey === 'string' ? approvalKey : null }
}

/** @throws as `readCredential` */
export async function readOperator(dir: string): Promise<OperatorCredential> {
  const path = join(dir, OPERATOR_FILE)
  const credential = await readCredential(path)
  const key = (await readJson(path))?.['operatorKey'] as Partial<OperatorKey> | undefined
  if (typeof key?.name !== 'string' || typeof key.privateKey !== 'string')
    throw problem('malformed-json', `\`${path}\` holds no operator key`)
  return { ...credential, operatorKey: { name: key.name, privateKey: key.privateKey } }
}

/** Writes a file that was not there, for its owner alone. @throws `usage` when it is there */
export async function writeSecret(path: string, content: unknown): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(content, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw problem('usage', `\`${path}\` could not be written: ${(cause as Error).message}`, {}, cause)
  }
}

/** Ed25519 over the UTF-8 bytes, base64. */
export const signText = (text: string, privateKeyPem: string): string =>
  sign(null, Buffer.from(text), createPrivateKey(privateKeyPem)).toString('base64')
