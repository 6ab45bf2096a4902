/** `plinth policy`: what principals may do. A set of Cedar files is checked, shown as a difference, signed, and adopted as a whole. */
import type { AuthoritySnapshot } from '../../../warden/authority.ts'
import type { Self } from '../../../engine/engine.ts'
import { Problem, problem } from '../../../model/problems.ts'
import { adoptionLine, exitCodeOfAdoption, newestSnapshot, publishAndWait } from '../adoption.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { dataDirectory, findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { policyDifference, readPolicyFolder } from '../policy-folder.ts'
import { table } from '../table.ts'
import { replay } from './policy-replay.ts'
import { shadow } from './policy-shadow.ts'
import { test } from './policy-test.ts'

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word, name] = call.words
  if (word === 'status') return await status(call)
  if (word === 'show') return await show(call, name)
  if (word === 'shadow') return await shadow(call)
  if (word === 'test') return await test(call, name)
  if (word === 'replay') return await replay(call, name)
  if (word === 'observe' || word === 'enforce') return await setMode(call, name, word)
  if (word !== 'diff' && word !== 'apply')
    throw unknownWord('policy', word, [
      ...['status', 'show', 'shadow', 'diff', 'apply', 'observe', 'enforce', 'test', 'replay'],
    ])
  if (name === undefined)
    throw problem('usage', `say which folder: \`plinth policy ${word} FOLDER\``, { command: 'policy' })
  return await apply(call, name, word === 'diff')
}

const newest = ({ options }: CommandCall): Promise<AuthoritySnapshot> => newestSnapshot(options)

async function status(call: CommandCall): Promise<ExitCode> {
  const snapshot = await newest(call)
  const running = await runningAuthority(call)
  if (call.terminal.json)
    call.terminal.data(JSON.stringify({ kind: 'policy-status', newest: snapshot.number, inForce: running }))
  else {
    call.terminal.data(
      `newest signed  snapshot ${snapshot.number}, ${Object.keys(snapshot.policies).length} policy files`,
    )
    call.terminal.data(
      running === null
        ? 'in force       unknown: nothing runs on this data directory'
        : `in force       snapshot ${running.snapshot}, policy set ${running.policySet}`,
    )
  }
  return running === null || running.snapshot === snapshot.number ? EXIT.ok : EXIT.failed
}

async function runningAuthority({ options }: CommandCall): Promise<Self['authority'] | null> {
  try {
    return (await request<Self>(await findConnection(options), '/v1/self')).authority
  } catch (error) {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  }
}

async function show(call: CommandCall, name: string | undefined): Promise<ExitCode> {
  const { terminal } = call
  const { policies, number } = await newest(call)
  if (name !== undefined) {
    const text = Object.hasOwn(policies, name) ? policies[name] : undefined
    if (text === undefined)
      throw problem('usage', `there is no policy file \`${name}\`; \`plinth policy show\` lists them`)
    terminal.data(terminal.json ? JSON.stringify({ kind: 'policy', snapshot: number, name, text }) : text.trimEnd())
  } else if (terminal.json) terminal.data(JSON.stringify({ kind: 'policies', snapshot: number, policies }))
  else {
    const rows = Object.entries(policies).map(([file, text]) => [file, ids(text).join(' ')])
    terminal.data(table(['FILE', 'POLICIES'], rows))
  }
  return EXIT.ok
}

const ids = (text: string): readonly string[] => [...text.matchAll(/@id\("([^"]+)"\)/g)].map((match) => match[1] ?? '')

async function apply(call: CommandCall, folder: string, onlyShow: boolean): Promise<ExitCode> {
  const { options, terminal, composition } = call
  const files = await readPolicyFolder(folder)
  const faults = await composition.policyFaults(files, dataDirectory(options))
  if (faults.length > 0)
    throw problem('authority-change-refused', 'the policies do not hold together', { errors: [...faults] })
  const { policies } = await newest(call)
  const difference = policyDifference(policies, files)
  if (onlyShow || difference.length === 0) {
    if (terminal.json) terminal.data(JSON.stringify({ kind: 'policy-difference', changes: difference }))
    else terminal.data(difference.length === 0 ? 'the same policies are in force already' : difference.join('\n'))
    return EXIT.ok
  }
  if (!(await confirmed(terminal, options, difference, 'sign and publish these policies?'))) return EXIT.ok
  const adoption = await publishAndWait(options, [{ change: 'set-policies', files: { ...files } }])
  if (terminal.json) terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind }))
  else terminal.talk(adoptionLine(adoption))
  return exitCodeOfAdoption(adoption)
}

/** One folder of the set in force, at once and without the files at hand: when new rules hold up more than was meant. */
async function setMode(call: CommandCall, name: string | undefined, mode: 'observe' | 'enforce'): Promise<ExitCode> {
  const { options, terminal } = call
  if (name === undefined)
    throw problem('usage', `say which folder of the policies in force: \`plinth policy ${mode} SET\``, {
      command: 'policy',
    })
  const preview =
    mode === 'observe'
      ? `the rules of \`${name}/\` decide nothing any more; what they would have done goes on record`
      : `the rules of \`observe/${name}/\` decide again`
  if (!(await confirmed(terminal, options, [preview], 'sign this?'))) return EXIT.ok
  const adoption = await publishAndWait(options, [{ change: 'set-policy-mode', set: { name, mode } }])
  if (terminal.json) terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind }))
  else terminal.talk(adoptionLine(adoption))
  return exitCodeOfAdoption(adoption)
}
