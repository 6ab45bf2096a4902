/**
 * Patterns of an application's schemas run in the engine, over input that anybody may send, so only those count whose matching can be
 * linear. V8 matches them with its fast engine and changes to the linear one when backtracking gets excessive: no input can hold the
 * engine up. The flags concern regular expressions alone.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--enable-experimental-regexp-engine')
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')

/** Characters; a linear match still takes time proportional to pattern times input. */
export const PATTERN_CHARACTERS_MAX = 1_000

/** Says why a pattern cannot be used, or null. Lookaround and back-references have no linear form; `\p{…}` needs the `u` flag, which has none. */
export function whyNotLinear(source: string): string | null {
  if (source.length > PATTERN_CHARACTERS_MAX) return `is longer than ${PATTERN_CHARACTERS_MAX} characters`
  if (/\\[pPu]\{/.test(source)) return 'uses `\\p{…}` or `\\u{…}`, which are not supported: list the characters'
  try {
    new RegExp(source, 'l')
    return null
  } catch {
    return 'cannot be matched in linear time: leave out lookaround, back-references and large counted repeats'
  }
}

/** The form that ajv calls for. @throws TypeError when the pattern is not linear; a release with such a pattern is never built. */
export function linearPattern(source: string): RegExp {
  const reason = whyNotLinear(source)
  if (reason !== null) throw new TypeError(`the pattern \`${source.slice(0, 80)}\` ${reason}`)
  return new RegExp(source)
}
