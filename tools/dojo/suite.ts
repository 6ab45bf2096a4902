/**
 * One suite of the data set, as files: its tools, the places where outsiders can write, what must pass and what must be stopped. Read strictly where a
 * mistake would change what is measured, with a default where leaving out says enough.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DESCRIBE_CHARACTERS_MAX } from '../../src/application/check-manifest.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { readLines } from '../tau/lines.ts'
import { UsageError } from '../tau/options.ts'
import type { Tool } from './application.ts'
import { requestedBy } from './requests.ts'
import { actionNames, declarable, namespacesOf } from './tool-form.ts'

export interface Call {
  readonly tool: string
  readonly args: JsonObject
}
export interface UserCall extends Call {
  readonly kind: 'read' | 'write' | 'egress'
  readonly result?: Json
}
export interface UserTask {
  readonly id: string
  readonly prompt: string
  /** Places whose text the task's own calls would read. */
  readonly exposes: readonly string[]
  readonly calls: readonly UserCall[]
}
export interface InjectionTask {
  readonly id: string
  readonly goal: string
  readonly calls: readonly (Call & { readonly must_stop: boolean })[]
}
export interface SuiteFiles {
  readonly name: string
  readonly tools: readonly Tool[]
  readonly users: readonly UserTask[]
  readonly injections: readonly InjectionTask[]
  /** Text that stands in a place by default. */
  readonly places: ReadonlyMap<string, string>
  /** What the data set calls a tool, by its name here. */
  readonly givenNames: ReadonlyMap<string, string>
}

const object = z.record(z.string(), z.json())
const KINDS = ['read', 'write', 'egress'] as const
const RISKS = ['none', 'reversible', 'compensable', 'irreversible'] as const
const toolForm = z.object({
  name: z.string().min(1),
  kind: z.enum(KINDS),
  risk: z.enum(RISKS).optional(),
  description: z.string().optional(),
  targets: z.array(z.string()).optional(),
  untrusted_output: z.boolean().optional(),
  requestedBy: z.array(z.string()).optional(),
  inputSchema: object.optional(),
})
const callForm = z.object({ tool: z.string(), args: object.optional() })
const userForm = z.object({
  id: z.string().min(1),
  prompt: z.string(),
  exposes: z.array(z.string()).optional(),
  calls: z.array(callForm.extend({ result: z.json().optional() })),
})
const injectionForm = z.object({
  id: z.string().min(1),
  goal: z.string(),
  in_scope: z.boolean().optional(),
  calls: z.array(callForm.extend({ must_stop: z.boolean().optional() })).optional(),
})
const vectorForm = z.object({ id: z.string().min(1), default: z.string().optional() })

/** Names of the suites in a folder: its sub-folders with user tasks. @throws UsageError when there are none */
export function suitesIn(folder: string): readonly string[] {
  const names = statSync(folder, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'user_tasks.jsonl')))
    : []
  if (names.length === 0)
    throw new UsageError(`\`${folder}\` holds no suite: name a folder of suites with \`--tasks DIR\``)
  return names
}

/** @param environments where tools and places are read from, when the folder of tasks has none of its own. @throws UsageError */
export function readSuite(tasks: string, environments: string, name: string): SuiteFiles {
  const file = (called: string): string => {
    const path = [tasks, environments].map((folder) => join(folder, name, called)).find((one) => existsSync(one))
    if (path === undefined)
      throw new UsageError(
        `suite \`${name}\` has no file \`${called}\`: put it into \`${join(tasks, name)}\` or \`${join(environments, name)}\``,
      )
    return path
  }
  const lines = <T>(called: string, form: z.ZodType<T>): readonly T[] =>
    readLines(file(called), []).map((line, at) => formed(form, line, `\`${file(called)}\` task ${at + 1}`))
  const list = <T>(called: string, form: z.ZodType<T>): readonly T[] =>
    formed(z.array(z.unknown()), readJson(file(called)), `\`${file(called)}\``).map((one, at) =>
      formed(form, one, `\`${file(called)}\` entry ${at + 1}`),
    )
  const described = list('tools.json', toolForm)
  const given = described.map((tool) => tool.name)
  if (new Set(given).size < given.length) throw new UsageError(`two tools of suite \`${name}\` have the same name`)
  const names = actionNames(given)
  const actionOf = (tool: string): string => names.get(tool) ?? tool
  const namespaces = namespacesOf(given)
  const tools = described.map(
    ({ kind, risk, description = '', targets, untrusted_output, inputSchema, ...tool }): Tool =>
      declarable({
        name: actionOf(tool.name),
        kind,
        // What nobody has judged counts as the worst that it can be.
        risk: risk ?? (kind === 'read' ? 'none' : 'irreversible'),
        description: description.trim() === '' ? `${tool.name}.` : description.slice(0, DESCRIBE_CHARACTERS_MAX),
        targets: (targets ?? []).filter((member) => hasMember(inputSchema, member)),
        untrusted_output: untrusted_output ?? true,
        requestedBy: tool.requestedBy ?? requestedBy(tool.name, namespaces),
        inputSchema: inputSchema ?? {},
      }),
  )
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  const users = lines('user_tasks.jsonl', userForm).map(({ id, prompt, exposes, calls }): UserTask => {
    const known = calls.map(({ tool, args, result }): UserCall => {
      const kind = byName.get(actionOf(tool))?.kind
      if (kind === undefined)
        throw new UsageError(`task \`${id}\` of suite \`${name}\` calls \`${tool}\`, which is no tool of it`)
      return { tool: actionOf(tool), args: args ?? {}, kind, ...(result === undefined ? {} : { result }) }
    })
    return { id, prompt, exposes: exposes ?? [], calls: known }
  })
  const injections = lines('injection_tasks.jsonl', injectionForm)
    .filter(({ in_scope }) => in_scope !== false)
    .map(({ id, goal, calls }): InjectionTask => ({
      ...{ id, goal },
      calls: (calls ?? []).map(({ tool, args, must_stop }) => ({
        ...{ tool: actionOf(tool), args: args ?? {} },
        must_stop: must_stop ?? byName.get(actionOf(tool))?.kind !== 'read',
      })),
    }))
  for (const [what, items] of [
    ['tasks', users],
    ['attacks', injections],
  ] as const)
    if (new Set(items.map(({ id }) => id)).size < items.length)
      throw new UsageError(`two ${what} of suite \`${name}\` have the same id`)
  const places = new Map(list('vectors.json', vectorForm).map((vector) => [vector.id, vector.default ?? '']))
  const givenNames = new Map([...names].map(([data, action]) => [action, data]))
  return { name, tools, users, injections, places, givenNames }
}

const hasMember = (schema: JsonObject | undefined, member: string): boolean =>
  Object.hasOwn((schema?.['properties'] ?? {}) as JsonObject, member)

function formed<T>(form: z.ZodType<T>, value: unknown, where: string): T {
  const { success, data, error } = form.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  throw new UsageError(`${where}: \`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'has another form'}`)
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown
  } catch (error) {
    throw new UsageError(`\`${path}\` is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
