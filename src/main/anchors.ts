/** The file that says which anchors a system has: `anchors.json` of its data directory, or another. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { AnchorSetup } from '../engine/anchors.ts'
import { problem, type Problem } from '../model/problems.ts'
import { AnchorFault } from '../transparency-log/anchor/anchor.ts'
import { ANCHOR_NAME } from '../transparency-log/anchor/anchor-files.ts'
import { readTrust, timestampAuthority } from '../transparency-log/anchor/rfc3161/authority.ts'

const DEFAULT_FILE = 'anchors.json'
const ANCHORS_MAX = 8
const SECONDS_MAX = 86_400
const MEMBERS = ['name', 'kind', 'url', 'roots', 'everySeconds', 'timeoutSeconds', 'policies']

/**
 * @param file null takes the data directory's own, and none when it has none
 * @throws `anchors-invalid` that says which member of which anchor is wrong
 */
export function readAnchors(dir: string, file: string | null): AnchorSetup[] {
  const path = file === null ? join(dir, DEFAULT_FILE) : resolve(file)
  if (file === null && !existsSync(path)) return []
  const list = listIn(path)
  const names = new Set<string>()
  return list.map((one, place) => {
    const wrong = (what: string): Problem => problem('anchors-invalid', `\`${path}\`, anchor ${place + 1}: ${what}`)
    if (typeof one !== 'object' || one === null) throw wrong('it is no object')
    const members = one as Readonly<Record<string, unknown>>
    const unknown = Object.keys(members).find((name) => !MEMBERS.includes(name))
    if (unknown !== undefined) throw wrong(`there is no member \`${unknown}\``)
    const { name, kind, url, roots, everySeconds, timeoutSeconds, policies } = members
    if (typeof name !== 'string' || !ANCHOR_NAME.test(name) || names.has(name))
      throw wrong('`name` must be 1 to 32 lower-case letters and digits, begin with a letter, and be no other anchor’s')
    names.add(name)
    if (kind !== 'rfc3161') throw wrong('`kind` must be `rfc3161`')
    if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:/.test(url))
      throw wrong('`url` must be an http address')
    if (typeof roots !== 'string') throw wrong('`roots` must name a PEM file of the certificates that are trusted')
    if (policies !== undefined && !(Array.isArray(policies) && policies.every((oid) => typeof oid === 'string')))
      throw wrong('`policies` must be a list of object identifiers')
    const trust = trustIn(resolve(dirname(path), roots), wrong)
    const anchor = timestampAuthority({
      ...{ name, url, trust: policies === undefined ? trust : { ...trust, policies } },
      ...milliseconds('timeoutMs', timeoutSeconds, wrong),
    })
    return { anchor, ...milliseconds('everyMs', everySeconds, wrong) }
  })
}

function listIn(path: string): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw problem('anchors-invalid', `\`${path}\` cannot be read as JSON`, {}, cause)
  }
  if (!Array.isArray(value) || value.length > ANCHORS_MAX)
    throw problem('anchors-invalid', `\`${path}\` must be a list of at most ${ANCHORS_MAX} anchors`)
  return value
}

function trustIn(path: string, wrong: (what: string) => Problem) {
  try {
    return readTrust(readFileSync(path, 'utf8'))
  } catch (error) {
    const why = error instanceof AnchorFault ? error.message : 'it cannot be read'
    throw wrong(`\`roots\` names \`${path}\`: ${why}`)
  }
}

function milliseconds<Name extends string>(
  name: Name,
  seconds: unknown,
  wrong: (what: string) => Problem,
): { readonly [name in Name]?: number } {
  if (seconds === undefined) return {}
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= SECONDS_MAX))
    throw wrong(`seconds must be more than 0 and at most ${SECONDS_MAX}`)
  return { [name]: Math.ceil(seconds * 1_000) } as { readonly [name in Name]?: number }
}
