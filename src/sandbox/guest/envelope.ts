/**
 * The functions that the cell process calls, in a hardened context, around application code. Every one takes and gives only texts and
 * numbers. Microtasks run before each call returns, so after `start` or `resume` an execution has ended, or waits for reads.
 */
import type { GuestApplication, GuestCommand, GuestQuery } from '../../application/guest.ts'
import { foldAll, mapAll } from './bulk.ts'
import { conclude } from './conclude.ts'
import { fail, failure, learn, newExecution, Refusal, streamOf, textOf } from './execution.ts'
import type { Execution, ExecutionLimits } from './execution.ts'
import { entityNamed } from './fold.ts'
import { enter, harden } from './harden.ts'
import { readTransaction, transaction } from './transaction.ts'

interface Start {
  readonly kind: 'command' | 'query'
  readonly name: string
  readonly nowMs: number
  readonly seed: string
  readonly principal: unknown
  readonly attested: unknown
  /** Characters of the input, which comes first in the body. */
  readonly input: number
  /** Entity, id, characters of the state in the body; -1 for a stream that is not there. */
  readonly states: readonly (readonly [string, string, number])[]
}
/** Ticket and characters of the answer in the body; -1 for a stream that is not there. */
type Answers = readonly (readonly [number, number])[]

const executions = new Map<number, Execution>()
let spare: GuestApplication | null = null
let limits: ExecutionLimits = { maxReads: 0, maxOutput: 0 }

function configure(maxReads: number, maxOutput: number): void {
  limits = { maxReads, maxOutput }
}

/** Takes a fresh instance of the application: the next execution starts from it. Returns a failure, or ''. */
function prepare(make: () => unknown): string {
  try {
    const application = make() as GuestApplication | undefined
    if (application?.kind !== 'application') return failure('the bundle does not make an application')
    spare = application
    return ''
  } catch (thrown) {
    return failure(textOf(thrown))
  }
}

/**
 * Whether calling this function again is as good as evaluating the bundle again: it is an arrow function whose text is the whole
 * bundle, so it closes over nothing but the frozen global object, and has no members of its own to keep things in.
 */
function isSelfContained(make: object, bundle: string): string {
  const text = bundle.trim().replace(/^\(([^]*)\);?$/, '$1')
  const whole = typeof make === 'function' && !Object.hasOwn(make, 'prototype')
  return whole && Function.prototype.toString.call(Object.freeze(make)) === text ? 'yes' : 'no'
}

/** Each instance serves one execution. */
function taken(): GuestApplication {
  const application = spare
  if (application === null) throw new Error('no instance was prepared')
  spare = null
  return application
}

function start(id: number, text: string): void {
  const end = text.indexOf('\n')
  const head = JSON.parse(text.slice(0, end)) as Start
  const execution = newExecution(id, taken(), head.nowMs, head.seed, limits)
  executions.set(id, execution)
  enter(execution)
  let at = end + 1
  const input = text.slice(at, (at += head.input))
  for (const [entity, entityId, length] of head.states) {
    const state = length < 0 ? null : text.slice(at, (at += length))
    // A prefetched state of an entity that this release does not have is of no use to it.
    if (Object.hasOwn(execution.application.entities, entity))
      learn(streamOf(execution, entityNamed(execution.application, entity), entityId), state)
  }
  void run(execution, head, input)
}

async function run(execution: Execution, head: Start, input: string): Promise<void> {
  try {
    const action = actionOf(execution.application, head)
    const answer: unknown = await invoke(execution, head, action, JSON.parse(input))
    if (execution.outcome === null) await conclude(execution, action, answer)
  } catch (thrown) {
    if (execution.outcome !== null) return
    if (thrown instanceof Refusal) await conclude(execution, actionOf(execution.application, head), thrown)
    else fail(execution, textOf(thrown))
  }
}

const invoke = (execution: Execution, head: Start, action: GuestCommand | GuestQuery, input: unknown): unknown =>
  action.kind === 'command'
    ? action.decide(transaction(execution, head), input)
    : action.read(readTransaction(execution, head), input)

function actionOf(application: GuestApplication, { kind, name }: Start): GuestCommand | GuestQuery {
  const actions: Readonly<Record<string, GuestCommand | GuestQuery>> =
    kind === 'command' ? application.commands : application.queries
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) throw new TypeError(`the application declares no ${kind} \`${name}\``)
  return action
}

function resume(id: number, text: string): void {
  const execution = executions.get(id)
  if (execution === undefined) return
  enter(execution)
  const end = text.indexOf('\n')
  let at = end + 1
  for (const [ticket, length] of JSON.parse(text.slice(0, end)) as Answers) {
    const answer = length < 0 ? null : text.slice(at, (at += length))
    const waiting = execution.tickets[ticket]
    if (waiting === undefined) continue
    if (waiting.stream !== null) learn(waiting.stream, answer)
    else waiting.found?.(answer ?? '[]')
  }
}

/** How the execution stands: `d` or `f` when it has ended, `w` and the reads it waits for otherwise. */
function collect(id: number): string {
  enter(null)
  const execution = executions.get(id)
  if (execution === undefined) return failure('the execution is not here')
  if (execution.outcome === null && execution.wanted.length > 0) {
    const wanted = `w[${execution.wanted.join(',')}]`
    execution.wanted = []
    return wanted
  }
  executions.delete(id)
  return execution.outcome ?? failure('it waits for something that never comes: only `tx` can be awaited')
}

function drop(id: number): void {
  executions.delete(id)
}

harden()

export const envelope = {
  configure,
  prepare,
  isSelfContained,
  start,
  resume,
  collect,
  drop,
  fold: (text: string, maxOutput: number): string => foldAll(taken(), text, maxOutput),
  map: (text: string, maxOutput: number): string => mapAll(taken(), text, maxOutput),
}
