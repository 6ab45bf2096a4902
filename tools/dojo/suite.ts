/** One suite of the data set, as files: its tools, the places where outsiders can write, what must pass and what must be stopped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { readLines } from '../tau/lines.ts'
import { UsageError } from '../tau/options.ts'
import type { Tool } from './application.ts'

export interface Call extends JsonObject {
  readonly tool: string
  readonly args: JsonObject
  readonly kind: 'read' | 'write' | 'egress'
}
export interface UserTask extends JsonObject {
  readonly id: string
  readonly prompt: string
  /** Places whose text the task's own calls would read. */
  readonly exposes: readonly string[]
  readonly calls: readonly (Call & { readonly result?: Json })[]
}
export interface InjectionTask extends JsonObject {
  readonly id: string
  readonly goal: string
  readonly in_scope: boolean
  readonly calls: readonly (Call & { readonly must_stop: boolean })[]
}
interface Vector extends JsonObject {
  readonly id: string
  readonly default: string
}
export interface SuiteFiles {
  readonly name: string
  readonly tools: readonly Tool[]
  readonly users: readonly UserTask[]
  readonly injections: readonly InjectionTask[]
  /** Text that stands in a place by default. */
  readonly places: ReadonlyMap<string, string>
}

/** Names of the suites in a folder: its sub-folders with user tasks. @throws UsageError when there are none */
export function suitesIn(folder: string): readonly string[] {
  const names = existsSync(folder)
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
    if (path === undefined) throw new UsageError(`suite \`${name}\` has no file \`${called}\``)
    return path
  }
  const injections = readLines<InjectionTask>(file('injection_tasks.jsonl'), ['id', 'goal', 'in_scope', 'calls'])
  return {
    name,
    tools: readJson<readonly Tool[]>(file('tools.json')),
    users: readLines<UserTask>(file('user_tasks.jsonl'), ['id', 'prompt', 'exposes', 'calls']),
    injections: injections.filter((injection) => injection.in_scope),
    places: new Map(readJson<readonly Vector[]>(file('vectors.json')).map((vector) => [vector.id, vector.default])),
  }
}

function readJson<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch (error) {
    throw new UsageError(`\`${path}\` is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
