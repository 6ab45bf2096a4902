/** Files of one JSON object a line, as the data set has them. */
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { UsageError } from './options.ts'

/** @throws UsageError when there is no such file, and naming the line that is not an object with these members */
export function readLines<T extends JsonObject>(path: string, members: readonly (keyof T & string)[]): readonly T[] {
  return textOf(path)
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [readLine<T>(line, `\`${path}\` line ${index + 1}`, members)]))
}

/** The same, of lines that must have this form. @throws UsageError naming the line and the member that has another */
export function readFormed<T>(path: string, form: z.ZodType<T>): readonly T[] {
  return textOf(path)
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      const where = `\`${path}\` line ${index + 1}`
      const { success, data, error } = form.safeParse(readLine<JsonObject>(line, where, []))
      if (success) return [data]
      const [issue] = error.issues
      throw new UsageError(`${where}: \`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'has another form'}`)
    })
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`\`${path}\` cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
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
