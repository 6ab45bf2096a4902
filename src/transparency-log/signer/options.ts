/** The words behind `main.ts`, read strictly. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { problem } from '../../model/problems.ts'
import type { OpenSignerOptions } from './open-signer.ts'
import { socketPath } from './socket-path.ts'

export interface SignerProgramOptions extends OpenSignerOptions {
  readonly socket: string
  readonly socketMode: number
  /** Path of the agent's socket. */
  readonly agent: string | null
  /** Ends when its standard input does: its parent is gone. */
  readonly child: boolean
}

/** @throws `usage` */
export function readOptions(words: readonly string[]): SignerProgramOptions {
  try {
    const { values } = parseArgs({
      args: [...words],
      strict: true,
      options: {
        dir: { type: 'string' },
        origin: { type: 'string' },
        key: { type: 'string' },
        'next-key': { type: 'string' },
        socket: { type: 'string' },
        'socket-mode': { type: 'string', default: '600' },
        'witness-policy': { type: 'string' },
        'ssh-agent': { type: 'string' },
        child: { type: 'boolean', default: false },
      },
    })
    const { dir, origin, 'witness-policy': policy, 'socket-mode': mode } = values
    if (dir === undefined || dir === '') throw new Error('`--dir` is needed')
    if (origin === undefined || origin === '') throw new Error('`--origin` is needed: the name of the log')
    if (mode !== '600' && mode !== '660') throw new Error('`--socket-mode` is 600 or 660')
    return {
      dir,
      origin,
      key: values.key ?? null,
      nextKey: values['next-key'] ?? null,
      witnessPolicy: policy === undefined ? null : readPolicy(policy),
      socket: values.socket ?? socketPath(dir),
      socketMode: Number.parseInt(mode, 8),
      agent: values['ssh-agent'] ?? process.env['SSH_AUTH_SOCK'] ?? null,
      child: values.child,
    }
  } catch (error) {
    throw problem('usage', error instanceof Error ? error.message : String(error), {}, error)
  }
}

function readPolicy(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new Error(`\`--witness-policy ${path}\` cannot be read`, { cause })
  }
}
