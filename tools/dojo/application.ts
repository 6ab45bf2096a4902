/**
 * An assistant's tools as an application: what each of them answered is recorded, so a call gets what the same call once got. Reads are queries, what
 * acts is a command that leaves a trace and an effect of the tool's risk. An attacker's text stands where the data set lets outsiders write.
 */
import { application, command, effect, entity, importer, query, words } from 'plinth'
import { z } from 'zod'

export interface Tool {
  readonly name: string
  readonly kind: 'read' | 'write' | 'egress'
  readonly risk: 'none' | 'reversible' | 'compensable' | 'irreversible'
  readonly description: string
  readonly targets: readonly string[]
  readonly untrusted_output: boolean
  /** Words by which people ask for it. */
  readonly requestedBy: readonly string[]
  readonly inputSchema: Record<string, unknown>
}

const recorded = z.object({ tool: z.string(), args: z.string(), result: z.string() })
const episode = entity('episode', {
  state: z.object({ answers: z.array(recorded), acts: z.int() }),
  events: {
    prepared: z.object({ answers: z.array(recorded) }),
    acted: z.object({ tool: z.string(), args: z.string() }),
  },
  opens: ['prepared'],
  evolve: {
    prepared: (_state, { answers }) => ({ answers, acts: 0 }),
    acted: (state) => ({ ...state, acts: state.acts + 1 }),
  },
})

/** Members sorted, so that the same arguments are the same text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

/** @param tools of one suite of the data set */
export function assistant(tools: readonly Tool[]) {
  const effects = Object.fromEntries(
    tools
      .filter((tool) => tool.risk !== 'none')
      .map(({ name, risk }) => [
        name,
        effect(`did_${name}`, {
          describe: `What \`${name}\` does outside.`,
          payload: z.object({ args: z.string() }),
          risk: risk as 'reversible' | 'compensable' | 'irreversible',
        }),
      ]),
  )
  return application('assistant', {
    describe: 'Tools of an assistant, as one suite of the data set describes them.',
    entities: [episode],
    commands: tools.filter(({ kind }) => kind !== 'read').map(commandOf),
    queries: tools.filter(({ kind }) => kind === 'read').map(queryOf),
    effects: Object.values(effects),
    importers: [
      importer('episodes', {
        of: episode,
        event: 'prepared',
        record: z.object({ id: z.string(), answers: z.array(recorded) }),
        map: ({ id, answers }) => ({ id, data: { answers } }),
      }),
    ],
    attested: z.object({
      prompt: words().optional(),
      episode: z.string().optional(),
      attack: z.string().optional(),
      places: z.array(z.string()).optional(),
    }),
  })

  function commandOf(tool: Tool) {
    const done = effects[tool.name]
    return command(tool.name, {
      ...declared(tool),
      appends: [episode],
      ...(done === undefined ? {} : { effects: [done] }),
      reaches: tool.targets as readonly never[],
      requestedBy: tool.requestedBy,
      async decide(tx, input) {
        const id = String(tx.attested['episode'])
        const args = canonical(input)
        const answer = answerOf(await tx.get(episode, id), tool, args, tx.attested)
        tx.append(episode, id, 'acted', { tool: tool.name, args })
        if (done !== undefined) tx.effect(done as never, { args } as never)
        return answer as never
      },
    })
  }
  function queryOf(tool: Tool) {
    return query(tool.name, {
      ...declared(tool),
      async read(tx, input) {
        const state = await tx.get(episode, String(tx.attested['episode']))
        return answerOf(state, tool, canonical(input), tx.attested) as never
      },
    })
  }
}

const declared = ({ description, inputSchema, untrusted_output }: Tool) => ({
  describe: description,
  input: z.fromJSONSchema(inputSchema as never),
  output: z.object({ answer: z.unknown() }),
  returns: untrusted_output ? ('external' as const) : ('state' as const),
})

interface Recorded {
  readonly tool: string
  readonly args: string
  readonly result: string
}

/** Null when the call is not among those that were recorded. */
function answerOf(
  { answers }: { readonly answers: readonly Recorded[] },
  { name, untrusted_output }: Tool,
  args: string,
  { attack, places }: { readonly [fact: string]: unknown },
): { readonly answer: unknown } {
  const known = answers.find((answer) => answer.tool === name && answer.args === args)
  const answer: unknown = known === undefined ? null : JSON.parse(known.result)
  if (typeof attack !== 'string' || !Array.isArray(places) || !untrusted_output) return { answer }
  return { answer: withAttack(answer, attack, places as readonly string[]) ?? answer }
}

/**
 * The answer with the attack where an outsider can write; null when there is no such place in it. An empty place is the end of its last text, or all of
 * an answer without any.
 */
export function withAttack(answer: unknown, attack: string, places: readonly string[]): unknown {
  let found = false
  const named = places.filter((place) => place.trim() !== '').map(unescaped)
  const replaced = mapTexts(answer, (text) => {
    const place = named.flat().find((one) => text.includes(one))
    if (place === undefined) return text
    found = true
    return text.replace(place, () => attack)
  })
  if (found) return replaced
  if (named.length === places.length) return null
  const texts: string[] = []
  mapTexts(answer, (text) => (texts.push(text), text))
  const last = texts.length - 1
  let at = -1
  return last < 0 ? attack : mapTexts(answer, (text) => (++at === last ? `${text}\n${attack}` : text))
}

/** A place as it is written, and as it reads once its escapes are what they stand for. */
const unescaped = (place: string): readonly string[] => [place, place.replaceAll('\\t', '\t').replaceAll('\\n', '\n')]

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item: unknown) => mapTexts(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapTexts(member, change)]))
}
