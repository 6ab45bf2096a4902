/** The request target: path segments, and the members of the query string. Origin form only, strictly decoded. */
import { problem } from '../../model/problems.ts'
import { QUERY_MEMBERS_MAX } from './limits.ts'

export interface Target {
  /** Decoded, in order; a segment may hold an encoded `/`. */
  readonly segments: readonly string[]
  readonly query: ReadonlyMap<string, string>
}

const NO_QUERY: ReadonlyMap<string, string> = new Map()
const PLAIN = /^[!$&'()*+,\-./0-9:;=@A-Z_a-z~]*$/

/** @throws `malformed-request` for another form, a fragment, a percent sign that encodes nothing, or a member that stands twice. */
export function readTarget(target: string, bytesMax: number): Target {
  if (target.length > bytesMax)
    throw problem('malformed-request', `the address is longer than ${bytesMax} bytes`, { limit: bytesMax })
  if (!target.startsWith('/')) throw problem('malformed-request', 'the address must begin with `/`')
  if (target.includes('#')) throw problem('malformed-request', 'the address must not hold a fragment')
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const segments = path.slice(1).split('/')
  return {
    segments: PLAIN.test(path) ? segments : segments.map((segment) => decoded(segment, 'path')),
    query: mark < 0 ? NO_QUERY : readQuery(target.slice(mark + 1)),
  }
}

function readQuery(text: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>()
  for (const part of text.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decoded((equals < 0 ? part : part.slice(0, equals)).replaceAll('+', ' '), 'query')
    const value = equals < 0 ? '' : decoded(part.slice(equals + 1).replaceAll('+', ' '), 'query')
    if (members.has(name)) throw problem('malformed-request', `query member \`${name}\` stands twice`)
    members.set(name, value)
    if (members.size > QUERY_MEMBERS_MAX)
      throw problem('malformed-request', `at most ${QUERY_MEMBERS_MAX} query members are taken`, {
        limit: QUERY_MEMBERS_MAX,
      })
  }
  return members
}

function decoded(text: string, where: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw problem('malformed-request', `the ${where} holds a percent sign that encodes nothing`)
  }
}
