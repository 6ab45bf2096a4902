/** Calls a running warden at its door, as `door.json` says. A problem comes back as the `Problem` it was. */
import { request } from 'node:http'
import type { JsonObject } from '../model/json.ts'
import { PROBLEMS, problem, type ProblemCode } from '../model/problems.ts'
import type { DoorFile } from './door-file.ts'

const TIMEOUT_MS = 10_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** @throws the problem that the warden answered; `warden-unavailable` when it did not */
export async function callDoor<T>(door: DoorFile, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const { status, text } = await exchange(door, method, path, body === undefined ? null : JSON.stringify(body))
  const answer = parsed(text)
  if (status === 200) return answer as T
  const { code, title: _title, detail, ...members } = answer
  if (typeof code === 'string' && code in PROBLEMS)
    throw problem(code as ProblemCode, typeof detail === 'string' ? detail : '', members)
  throw problem('warden-unavailable', `what answers at the warden's door is not a warden: status ${status}`)
}

function exchange(
  { at, token }: DoorFile,
  method: string,
  path: string,
  body: string | null,
): Promise<{ readonly status: number; readonly text: string }> {
  const where = 'socket' in at ? { socketPath: at.socket } : { host: '127.0.0.1', port: at.port }
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(problem('warden-unavailable', 'the warden does not answer', {}, cause))
    const asked = request({ ...where, method, path, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > ANSWER_BYTES_MAX) asked.destroy(new Error('the answer is too long'))
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', fail)
    })
    asked.setTimeout(TIMEOUT_MS, () => asked.destroy(new Error('timed out')))
    asked.on('error', fail)
    asked.end(body)
  })
}

function parsed(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return {}
  }
}
