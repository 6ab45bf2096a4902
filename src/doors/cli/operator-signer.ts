/** The operator who signs: of a key file, of an SSH agent, or the one whose key `plinth start` left in the data directory. */
import { readFile } from 'node:fs/promises'
import { problem } from '../../model/problems.ts'
import { openOperatorKeyFile, parseOperatorKeyFile } from '../../warden/operator-key-file.ts'
import { withWarden } from '../../warden/operate.ts'
import { memorySigner, type OperatorSigner } from '../../warden/operator-signer.ts'
import { sshAgentSigner } from '../../warden/ssh-agent.ts'
import { dataDirectory, readJson } from './connection.ts'
import type { ParsedOptions } from './command.ts'
import { readOperator } from './credential.ts'
import { askHidden } from './terminal.ts'
import { wardenPlace } from './warden-place.ts'

const AGENT = /^agent:(.+)$/

/** @throws `usage`, `malformed-json`, `operator-key-invalid` */
export async function operatorSigner(options: ParsedOptions): Promise<OperatorSigner> {
  const named = options.text('operator') ?? (process.env['PLINTH_OPERATOR'] || null)
  if (named === null) {
    const { operatorKey } = await readOperator(dataDirectory(options))
    return memorySigner(operatorKey.name, operatorKey.privateKey)
  }
  const id = AGENT.exec(named)?.[1]
  if (id !== undefined) return await agentSigner(options, id)
  const file = await readJson(named)
  if (file === null) throw problem('usage', `there is no operator key file \`${named}\``)
  return await openOperatorKeyFile(
    parseOperatorKeyFile(file),
    await passphrase(options, `passphrase of \`${named}\`: `),
  )
}

async function agentSigner(options: ParsedOptions, id: string): Promise<OperatorSigner> {
  const socket = process.env['SSH_AUTH_SOCK']
  if (!socket) throw problem('operator-key-invalid', 'there is no SSH agent: SSH_AUTH_SOCK is not set')
  const { snapshot } = await withWarden(wardenPlace(options), (warden) => warden.snapshot())
  const operator = snapshot.operators.find((one) => one.id === id)
  if (operator === undefined) throw problem('change-not-authorized', `there is no operator \`${id}\``)
  return await sshAgentSigner(id, operator.publicKey, socket)
}

/** From `--passphrase-file`, from PLINTH_PASSPHRASE_FILE, or asked. @throws `usage` when nobody can be asked */
export async function passphrase(options: ParsedOptions, question: string): Promise<string> {
  const file = options.text('passphrase-file') ?? (process.env['PLINTH_PASSPHRASE_FILE'] || null)
  if (file === null) return await askHidden(question)
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch (cause) {
    throw problem('usage', `the passphrase file \`${file}\` cannot be read`, {}, cause)
  }
}
