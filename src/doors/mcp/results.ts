/** Outcomes, answers and problems as tool results. Success and waiting are results; refusal, denial and faults are errors that say how to go on. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { QueryOutcome } from '../../engine/engine.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Outcome } from '../../model/operation.ts'
import type { Problem } from '../../model/problems.ts'
import { isByLimit, shownDetail } from '../http/reply.ts'

type Content = Readonly<Record<string, unknown>>

const result = (content: Content, text: string, meta: Content, isError: boolean): CallToolResult => ({
  content: [{ type: 'text', text }],
  structuredContent: content,
  _meta: meta,
  ...(isError ? { isError: true } : {}),
})

/** The receipt goes into `_meta`: evidence for the host to keep, not text for a model to read. */
export function outcomeResult(outcome: Outcome): CallToolResult {
  const { kind, operation, replayed } = outcome
  const receipt = outcome.receipt === undefined ? {} : { 'plinth/receipt': outcome.receipt }
  const meta = { 'plinth/operation': operation, ...receipt }
  // Of a record that is no commit, when a level was asked for.
  const stands = outcome.level === undefined ? {} : { level: outcome.level, asked: outcome.asked }
  switch (kind) {
    case 'committed': {
      const { position, result: value, level } = outcome
      const content = { kind, operation, position, result: value, level, replayed }
      return result(content, JSON.stringify(content), meta, false)
    }
    case 'awaiting': {
      const { position, result: value, level, asked, obstacle } = outcome
      const next = `nothing needs to be done again; wait with \`plinth_outcome\` {"operation":"${operation}","waitMs":30000}`
      const content = { kind, operation, position, result: value, level, asked, obstacle, replayed, next }
      const text = `committed, awaiting level \`${asked}\`: ${JSON.stringify(content)}`
      return result(content, text, meta, false)
    }
    case 'held': {
      const { approval, requires, rules } = outcome
      const expiresAt = new Date(outcome.expiresAtMs).toISOString()
      const next = `wait with \`plinth_outcome\` {"operation":"${operation}","waitMs":30000}; you cannot approve it yourself`
      const content = { kind, operation, approval, requires, rules, expiresAt, ...stands, replayed, next }
      const text =
        `held: nothing has happened yet. \`${operation}\` waits until ${requires.map((role) => `somebody with role ${role}`).join(' and ')} has decided on ${approval}, ` +
        `at the latest until ${expiresAt} (rules: ${rules.join(', ')}). Next: ${next}.`
      return result(content, text, meta, false)
    }
    case 'denied': {
      const next = isByLimit(outcome)
        ? 'ask for less, or wait until the window of the limit has moved on; tell the person you work for which limit it is'
        : 'do not try again: ask for something else, or tell the person you work for which rule forbids it'
      const content = { kind, operation, rules: outcome.rules, ...stands, replayed, next }
      return result(content, `denied: ${ruleText(outcome.rules)} Nothing was written. Next: ${next}.`, meta, true)
    }
    case 'refused':
      return refusal(outcome, meta, replayed)
    default:
      return outcome satisfies never
  }
}

export function answerResult(outcome: QueryOutcome): CallToolResult {
  const { kind, operation } = outcome
  const meta = { 'plinth/operation': operation }
  switch (kind) {
    case 'answered': {
      const content = { kind, operation, asOf: outcome.asOf, result: outcome.result }
      return result(content, JSON.stringify(content), { ...meta, 'plinth/checkpoint': outcome.checkpoint }, false)
    }
    case 'denied': {
      const next = 'do not try again: ask for something else'
      const content = { kind, operation, rules: outcome.rules, next }
      return result(content, `denied: ${ruleText(outcome.rules)} Next: ${next}.`, meta, true)
    }
    case 'refused':
      return refusal(outcome, meta, false)
    default:
      return outcome satisfies never
  }
}

interface Refused {
  readonly operation: string
  readonly code: string
  readonly title: string
  readonly detail: JsonObject
}

function refusal({ operation, code, title, detail }: Refused, meta: Content, replayed: boolean): CallToolResult {
  const next = 'change what the refusal names and call again'
  const content = { kind: 'refused', operation, code, title, detail, replayed, next }
  const details = Object.keys(detail).length === 0 ? '' : ` ${JSON.stringify(detail)}`
  return result(content, `refused: \`${code}\`: ${title}.${details} Nothing was written. Next: ${next}.`, meta, true)
}

/** A fault, as the registry describes it. */
export function problemResult(fault: Problem, instance: string): CallToolResult {
  const { title, retry, next } = fault.spec
  const content = {
    kind: 'failed',
    ...fault.members,
    code: fault.code,
    title,
    detail: shownDetail(fault),
    retry,
    next,
    instance,
  }
  const members = Object.keys(fault.members).length === 0 ? '' : ` ${JSON.stringify(fault.members)}`
  return result(
    content,
    `failed: \`${fault.code}\`: ${title}: ${shownDetail(fault)}.${members} Next: ${next}.`,
    {},
    true,
  )
}

const ruleText = (rules: readonly string[]): string =>
  rules.length === 0 ? 'no policy permits it.' : `by ${rules.map((rule) => `\`${rule}\``).join(', ')}.`
