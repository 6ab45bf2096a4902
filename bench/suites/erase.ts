/** What personal data costs while it lives, and what erasing somebody costs: by how much is held of them, and by how much of others. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quantile } from '../measure/statistics.ts'
import { atMost, type Bench, type Figures, type OpenSuite, type RowSpec, type Suite } from '../measure/suite.ts'
import { openSystem, type System } from '../../src/main/open-system.ts'
import type { Credentials } from '../../src/model/principal.ts'

const APPLICATION = fileURLToPath(new URL('../personal/', import.meta.url))
const EVENTS = [1, 10, 100] as const
/** Subjects erased for a median, each with so many events; a part of the repetitions of a run. */
const PART = 50
const ERASED_LEAST = 3
const NEVER = new AbortController().signal

const rows: readonly RowSpec[] = [
  ...EVENTS.map((count): RowSpec => ({
    id: `erase-${count}`,
    what: `erasing a subject of ${count} event${count === 1 ? '' : 's'}, one at a time, median`,
    unit: 'ms',
    figure: `erase${count}`,
  })),
  {
    id: 'erase-large',
    what: 'erasing a subject of 10 events where the log holds many more subjects, median',
    unit: 'ms',
    figure: 'eraseLarge',
    against: [{ what: 'where it holds few', figure: 'eraseSmall', target: atMost(1.5) }],
  },
  {
    id: 'personal-commit',
    what: 'a governed change of personal data in the process, median',
    unit: 'µs',
    figure: 'personal',
    against: [{ what: 'the same change, nothing personal', figure: 'plain', target: atMost(1.3) }],
  },
]

export const erase: Suite = {
  name: 'erase',
  title: 'Erasing',
  method:
    'In the process, one call at a time. Erasing is timed from the call to its answer: the record is durable, rows and their past are made anew, keys are overwritten and synced. The ' +
    'large log holds as many subjects as the middle size of a log has events, each imported with an event of its own.',
  rows,
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  const systems: Readonly<Record<'small' | 'large', System>> = {
    small: await openSystem({ dir: join(scratch, 'erase-small'), application: APPLICATION }),
    large: await openSystem({ dir: join(scratch, 'erase-large'), application: APPLICATION }),
  }
  await importPeople(systems.large, 'persons', 'held', sizes.logEvents[1])
  const times = Math.max(ERASED_LEAST, Math.round(sizes.repetitions / PART))

  async function run(): Promise<Figures> {
    const figures: Record<string, number> = {}
    for (const count of EVENTS) figures[`erase${count}`] = await erasing(systems.small, count, times)
    figures['eraseSmall'] = await erasing(systems.small, 10, times)
    figures['eraseLarge'] = await erasing(systems.large, 10, times)
    const name = randomBytes(6).toString('hex')
    await importPeople(systems.small, 'persons', name, 1)
    await importPeople(systems.small, 'others', name, 1)
    const personal: number[] = []
    const plain: number[] = []
    for (let i = 0; i < sizes.repetitions; i++) {
      plain.push(await timed(() => call(systems.small, 'note_plain', { plain: `${name}-0`, text: `said ${i}` })))
      personal.push(await timed(() => call(systems.small, 'note', { person: `${name}-0`, text: `said ${i}` })))
    }
    figures['plain'] = 1_000 * quantile(plain, 0.5)
    figures['personal'] = 1_000 * quantile(personal, 0.5)
    return figures
  }
  return {
    run,
    async close() {
      for (const system of Object.values(systems)) await system.close()
    },
  }
}

/** Milliseconds, the median of so many subjects, each made for it. */
async function erasing(system: System, events: number, times: number): Promise<number> {
  const name = randomBytes(6).toString('hex')
  await importPeople(system, 'persons', name, times)
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    for (let event = 1; event < events; event++)
      await call(system, 'note', { person: `${name}-${i}`, text: `said ${event}` })
    const asked = { subject: `person/${name}-${i}`, tenant: null, reason: 'measuring', basis: null }
    taken.push(
      await timed(() => system.engine.erase(operatorOf(system), { ...asked, idempotencyKey: `${name}-${i}` }, NEVER)),
    )
  }
  return quantile(taken, 0.5)
}

async function importPeople(system: System, importer: string, name: string, count: number): Promise<void> {
  async function* records() {
    for (let number = 0; number < count; number++) yield { id: `${name}-${number}`, name: `somebody ${number}` }
  }
  await system.engine.importRecords(operatorOf(system), importer, records(), () => {}, NEVER)
}

async function call(system: System, command: string, input: { readonly [name: string]: string }): Promise<void> {
  const intent = {
    command,
    input,
    idempotencyKey: randomBytes(12).toString('hex'),
    run: null,
    correlation: null,
    causation: null,
  }
  const agent: Credentials = { bearer: system.credentials.agent.apiKey, onBehalfOf: null }
  const { answer } = await system.engine.submit(agent, intent, NEVER)
  if (answer.kind !== 'committed') throw new Error(`the call was ${answer.kind}`)
}

const operatorOf = (system: System): Credentials => ({
  bearer: system.credentials.operator.apiKey,
  onBehalfOf: null,
})

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}
