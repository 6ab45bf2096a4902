/** One call over HTTP: tried again where that may help and is safe, its answer checked against the log that the caller keeps watch over. */
import { ClientProblem } from './client-problem.ts'
import type { ClientOptions } from './client.ts'
import { readConsistency, shownOverHttp } from './log/shown.ts'
import { pause, retried } from './retry.ts'
import type { JsonObject } from '../model/json.ts'
import type { ProblemCode } from '../model/problems.ts'
import type { Consistency } from '../model/receipt.ts'

export interface Sending {
  readonly method: 'GET' | 'POST'
  readonly base: URL
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly key: string | null
  readonly signal: AbortSignal | undefined
}

/** @throws ClientProblem, and what the log watch throws */
export async function send(options: ClientOptions, sending: Sending): Promise<unknown> {
  try {
    const outcome = await retried(
      () => sendOnce(options, sending),
      (ms) => pause(ms, sending.signal),
    )
    if ('value' in outcome) return outcome.value
    throw outcome.gaveUp
  } catch (error) {
    if (sending.signal?.aborted !== true || error instanceof ClientProblem) throw error
    throw new ClientProblem('cancelled', 'the caller stopped waiting', { status: 0, key: sending.key }, error)
  }
}

const KINDS = new Set(['committed', 'awaiting', 'refused', 'denied', 'held', 'answered'])
const BUSY = new Set([502, 503, 504])

async function sendOnce(
  options: ClientOptions,
  { method, base, url, headers, body, key, signal }: Sending,
): Promise<{ readonly value: unknown } | { readonly again: ClientProblem }> {
  const token = typeof options.token === 'string' ? options.token : await options.token()
  const sent = new Headers({ authorization: `Bearer ${token}`, accept: 'application/json, application/problem+json' })
  if (options.onBehalfOf !== undefined) sent.set('plinth-on-behalf-of', options.onBehalfOf)
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) sent.set(name, value)
  if (method === 'POST') sent.set('content-type', 'application/json')
  const asked = await options.log?.begin()
  if (asked !== undefined) sent.set('plinth-log-since', `${asked.since}`)
  const request: RequestInit = { method, headers: sent, redirect: 'error' }
  if (method === 'POST') request.body = JSON.stringify(body ?? {})
  if (signal !== undefined) request.signal = signal
  let status = 0
  let text: string
  let isProblem: boolean
  let came: Headers
  try {
    const response = await (options.fetch ?? fetch)(url, request)
    status = response.status
    came = response.headers
    isProblem = (response.headers.get('content-type') ?? '').startsWith('application/problem+json')
    text = await response.text()
  } catch (error) {
    if (signal?.aborted === true) throw error
    return { again: new ClientProblem('unreachable', `no answer from ${url.origin}`, { status, key }, error) }
  }
  const answer = parsed(text)
  if (!isProblem && typeof answer?.['kind'] === 'string' && KINDS.has(answer['kind'])) {
    if (options.log !== undefined && asked !== undefined)
      await options.log.check(asked, { ...shownOverHttp(came, answer), answer }, (from, to) =>
        prove(options, base, from, to),
      )
    return { value: answer }
  }
  const fault = isProblem && answer !== null ? problemOf(answer, status, key) : unexpected(status, key)
  if (BUSY.has(status) || (status === 409 && answer?.['retry'] !== 'never')) return { again: fault }
  throw fault
}

/** Null when it cannot be had now. */
async function prove(options: ClientOptions, base: URL, from: number, to: number): Promise<Consistency | null> {
  try {
    const response = await (options.fetch ?? fetch)(new URL(`v1/log/consistency?from=${from}&to=${to}`, base))
    return response.ok ? readConsistency(await response.json()) : null
  } catch {
    return null
  }
}

function parsed(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

function problemOf(problem: JsonObject, status: number, key: string | null): ClientProblem {
  const { code, detail, title } = problem
  if (typeof code !== 'string') return unexpected(status, key)
  const words = typeof detail === 'string' ? detail : typeof title === 'string' ? title : 'no detail was given'
  return new ClientProblem(code as ProblemCode, words, { status, key, problem })
}

const unexpected = (status: number, key: string | null): ClientProblem =>
  new ClientProblem('unexpected-answer', `the server answered with status ${status} and a body that is not known`, {
    status,
    key,
  })
