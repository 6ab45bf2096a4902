/** Files of one JSON object a line, as the data set has them. */
import { readFileSync } from 'node:fs'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { UsageError } from './options.ts'

/** @throws UsageError naming the line that is not an object with these members */
export function readLines<T extends JsonObject>(path: string, members: readonly (keyof T & string)[]): readonly T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [readLine<T>(line, `\`${path}\` line ${index + 1}`, members)]))
}

function readLine<T extends JsonObject>(line: string, where: string, members: readonly string[]): T {
  let value: Json
  try {
    value = JSON.parse(line) as Json
  } catch (error) {
    throw new UsageError(`${where} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isObject(value)) throw new UsageError(`${where} is not an object`)
  const missing = members.find((member) => !Object.hasOwn(value, member))
  if (missing !== undefined) throw new UsageError(`${where} has no member \`${missing}\``)
  return value as T
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
