/**
 * The signer as a process: `node main.ts --dir DIR --origin NAME [--key REF --next-key REF] [--witness-policy FILE] [--socket PATH]`. Prints one
 * line of JSON once it answers. SIGTERM and SIGINT stop it, and with `--child` the end of its standard input. Exit codes: 0 stopped,
 * 1 must not start, 2 bad options.
 */
import { guardProcess } from '../../host/guard-process.ts'
import { Problem } from '../../model/problems.ts'
import { systemFault } from '../../model/system-fault.ts'
import { openSigner } from './open-signer.ts'
import { readOptions } from './options.ts'
import { serveSigner } from './server.ts'
import { sshAgentKeys } from './ssh-agent-keys.ts'

const say = (line: object): void => console.log(JSON.stringify(line))

guardProcess()
try {
  const options = readOptions(process.argv.slice(2))
  const signer = await openSigner({ ...options, backEnds: [sshAgentKeys(options.agent)] })
  const stopServing = await serveSigner(signer, options.socket, options.socketMode)
  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    await stopServing()
    await signer.close()
    process.exit(0)
  }
  // A child goes on while its parent finishes: a terminal sends its signals to both.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => options.child || void stop())
  if (options.child)
    process.stdin
      .on('end', () => void stop())
      .on('error', () => void stop())
      .resume()
  const { vkey, size, epoch, backEnd } = await signer.standing()
  say({ kind: 'started', socket: options.socket, vkey, size, epoch, backEnd, pid: process.pid })
} catch (error) {
  const fault = error instanceof Problem ? error : systemFault(error)
  if (fault === null) throw error
  say({ kind: 'problem', code: fault.code, detail: fault.detail })
  process.exitCode = fault.code === 'usage' ? 2 : 1
}
