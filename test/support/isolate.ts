/**
 * Runs a script in an isolate, in a process of its own that ends by a signal: isolates that are disposed of may end the process that held them when it
 * exits, and no test should fail for that. Started as a program, this file is that process.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SELF = fileURLToPath(import.meta.url)
const MEMORY_MB = 64
const TIMEOUT_MS = 60_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

type Answer = { readonly value: string } | { readonly error: string }

/** @returns the text that the script's last expression is @throws with the script's own message, when it throws */
export function evaluateInIsolate(script: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, [SELF], {
    ...{ input: script, encoding: 'utf8', maxBuffer: ANSWER_BYTES_MAX },
  })
  if (stdout === '') throw new Error(`the isolate's process gave no answer: ${stderr}`)
  const answer = JSON.parse(stdout) as Answer
  if ('error' in answer) throw new Error(answer.error)
  return answer.value
}

async function answer(script: string): Promise<Answer> {
  const { default: ivm } = await import('isolated-vm')
  try {
    const isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB })
    return { value: String(isolate.createContextSync().evalSync(script, { timeout: TIMEOUT_MS })) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

if (process.argv[1] === SELF) {
  writeFileSync(1, JSON.stringify(await answer(readFileSync(0, 'utf8'))))
  process.kill(process.pid, 'SIGKILL')
}
