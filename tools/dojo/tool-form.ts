/**
 * A tool as somebody else describes it, in the form of a declaration. Names are those of actions, whatever case or separators they come in; of a schema
 * goes what only describes or what no declaration can say, and when it still cannot be declared, its members are taken as they come.
 */
import { checkManifest } from '../../src/application/check-manifest.ts'
import { describeApplication } from '../../src/application/describe.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { assistant, type Tool } from './application.ts'

const NAME_MAX = 56 // characters: an effect's name is a little longer than its tool's
/** Defaults are the caller's to fill in, and the rest asks for more than a declaration can hold a value against. */
const LEFT_OUT = new Set([
  'default',
  'uniqueItems',
  'not',
  'if',
  'then',
  'else',
  'dependentSchemas',
  'dependentRequired',
])
const MAPS = new Set(['properties', '$defs', 'definitions'])

const READING = new Set(['get', 'list', 'read', 'search', 'find', 'fetch', 'show', 'view', 'check', 'query'])

/** The words of a name: `sendMail`, `send-mail`, `Mail.send_mail`. */
export const wordsOfName = (name: string): readonly string[] =>
  name
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')

/** An action's name for each of these, no two alike. */
export function actionNames(names: readonly string[]): ReadonlyMap<string, string> {
  const chosen = new Map<string, string>()
  const taken = new Set<string>()
  for (const name of names) {
    const words = wordsOfName(name).join('_')
    const plain = (/^[a-z]/.test(words) ? words : `tool_${words}`).slice(0, NAME_MAX)
    let free = plain
    for (let count = 2; taken.has(free); count++) free = `${plain}_${count}`
    taken.add(free)
    chosen.set(name, free)
  }
  return chosen
}

/** First words that say where tools belong and not what they do: several tools have one, and some go on with a word for reading, as in `mail_list_drafts`. */
export function namespacesOf(names: readonly string[]): ReadonlySet<string> {
  const known = names.map(wordsOfName)
  const shared = (first: string): boolean => known.filter((words) => words[0] === first).length > 1
  const reading = known.filter(([, second]) => second !== undefined && READING.has(second))
  return new Set(reading.flatMap(([first]) => (first !== undefined && shared(first) ? [first] : [])))
}

/** The tool with a schema that can be declared. */
export function declarable(tool: Tool): Tool {
  const schema = withoutRest(tool.inputSchema as JsonObject)
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  const kept = { ...tool, inputSchema: { ...schema, type: 'object', properties } }
  if (isDeclarable(kept)) return kept
  const members = Object.fromEntries(Object.keys(properties).map((name) => [name, {}]))
  return { ...tool, inputSchema: { type: 'object', properties: members } }
}

function isDeclarable(tool: Tool): boolean {
  try {
    checkManifest(JSON.parse(describeApplication(assistant([tool]))))
    return true
  } catch {
    return false
  }
}

function withoutRest(schema: JsonObject): JsonObject {
  const visit = (value: Json): Json =>
    Array.isArray(value) ? value.map(visit) : isObject(value) ? withoutRest(value) : value
  const kept = Object.entries(schema).filter(([keyword]) => !LEFT_OUT.has(keyword))
  return Object.fromEntries(
    kept.map(([keyword, value]) => {
      if (keyword === 'enum' || keyword === 'const') return [keyword, value]
      if (!MAPS.has(keyword) || !isObject(value)) return [keyword, visit(value)]
      return [keyword, Object.fromEntries(Object.entries(value).map(([name, part]) => [name, visit(part)]))]
    }),
  )
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
