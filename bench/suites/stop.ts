/** How long until a stop is a stop: 64 clients at the HTTP door, an operator's switch or a revocation, the warden in a process of its own. */
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { quantile } from '../measure/statistics.ts'
import { atMost, type Bench, type Figures, type OpenSuite, type RowSpec, type Suite } from '../measure/suite.ts'
import { accountId, APPLICATION } from '../support/application.ts'
import { startSystem } from '../support/system.ts'
import { readOperator } from '../../src/doors/cli/credential.ts'
import type { ChangeDocument } from '../../src/warden/change-document.ts'
import { requestChange } from '../../src/warden/operate.ts'
import { memorySigner } from '../../src/warden/operator-signer.ts'

const CLIENTS = 64
/** Of the repetitions of a run: a stop takes a hundred calls' time, and the load must come back after it. */
const PART = 50
const ROUNDS_LEAST = 3
/** Answered calls between two stops, so that all clients are at work again. */
const CALLS_BETWEEN = 2 * CLIENTS

const LEVERS = ['switch', 'revoke'] as const
type Lever = (typeof LEVERS)[number]
const NAMES: Readonly<Record<Lever, string>> = { switch: 'a switch that stops it', revoke: 'its revocation' }

const rows: readonly RowSpec[] = [
  ...LEVERS.flatMap((lever): readonly RowSpec[] =>
    (['p50', 'p99'] as const).flatMap((at): readonly RowSpec[] => [
      {
        id: `stop-${lever}-first-${at}`,
        what: `${NAMES[lever]}: from asking for the signature to the first refusal, ${at}`,
        unit: 'ms',
        figure: `${lever}-first-${at}`,
      },
      {
        id: `stop-${lever}-${at}`,
        what: `${NAMES[lever]}: until the last of ${CLIENTS} clients is refused, ${at}`,
        unit: 'ms',
        figure: `${lever}-last-${at}`,
      },
    ]),
  ),
  {
    id: 'stop-late',
    what: 'calls sent after the first refusal and committed all the same',
    unit: 'calls',
    figure: 'late',
    target: atMost(0),
  },
]

export const stop: Suite = {
  name: 'stop',
  title: 'Time to stop',
  method:
    `${CLIENTS} clients of one agent call a command at the HTTP door, each with one call at a time, from this process. An operator signs a change; it goes to the warden through its socket, is journalled and ` +
    'published with syncs, found by the runtime through the file system, and is in force in the committer before any gate refuses. The time is taken where the clients are.',
  rows,
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  const dir = join(scratch, 'stop')
  const system = await startSystem(dir, APPLICATION, CLIENTS)
  const { operatorKey } = await readOperator(dir)
  const signer = memorySigner(operatorKey.name, operatorKey.privateKey)
  const place = { dir: join(dir, 'warden'), publishDir: join(dir, 'authority') }
  const rounds = Math.max(ROUNDS_LEAST, Math.round(sizes.repetitions / PART))
  const clients = new Clients(system.url, system.agentKey)

  const change = async (...changes: readonly ChangeDocument[]): Promise<void> => {
    const done = await requestChange(place, signer, changes, 'measuring')
    if (done.kind !== 'published') throw new Error('the change waits for signatures')
  }
  const levers: Readonly<Record<Lever, readonly [on: ChangeDocument, off: ChangeDocument]>> = {
    switch: [
      {
        change: 'switch-on',
        switch: { id: 'bench', scope: { kind: 'principal', value: 'agent' }, action: 'stop', reason: 'measuring' },
      },
      { change: 'switch-off', id: 'bench' },
    ],
    revoke: [
      { change: 'revoke', principal: 'agent' },
      { change: 'reinstate', principal: 'agent' },
    ],
  }

  async function run(): Promise<Figures> {
    const figures: Record<string, number> = { late: 0 }
    for (const lever of LEVERS) {
      const [on, off] = levers[lever]
      const [first, last]: [number[], number[]] = [[], []]
      for (let round = 0; round < rounds; round++) {
        await clients.work(CALLS_BETWEEN)
        const startedMs = performance.now()
        await change(on)
        const refused = await clients.allRefused()
        first.push(refused.firstMs - startedMs)
        last.push(refused.lastMs - startedMs)
        figures['late'] = (figures['late'] ?? 0) + refused.late
        await change(off)
      }
      for (const [at, part] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        figures[`${lever}-first-${at}`] = quantile(first, part)
        figures[`${lever}-last-${at}`] = quantile(last, part)
      }
    }
    return figures
  }
  return {
    run,
    async close() {
      await clients.close()
      await system.close()
    },
  }
}

interface Refusals {
  readonly firstMs: number
  readonly lastMs: number
  readonly late: number
}
const REFUSED = new Set(['switched-stopped', 'principal-revoked'])

/** Each calls until it is refused, then waits until it is told to work again. */
class Clients {
  readonly #url: string
  readonly #key: string
  readonly #run = randomBytes(4).toString('hex')
  readonly #loops: readonly Promise<void>[]
  #answered = 0
  #wanted = Promise.withResolvers<void>()
  #resume = Promise.withResolvers<void>()
  #refused: { atMs: number }[] = []
  #late = 0
  #all = Promise.withResolvers<void>()
  #closed = false

  constructor(url: string, key: string) {
    this.#url = url
    this.#key = key
    this.#loops = Array.from({ length: CLIENTS }, (_, client) => this.#loop(client))
  }

  /** All clients at work, until so many calls are answered as committed. */
  async work(calls: number): Promise<void> {
    this.#answered = -calls
    this.#refused = []
    this.#late = 0
    this.#all = Promise.withResolvers<void>()
    this.#wanted = Promise.withResolvers<void>()
    this.#resume.resolve()
    this.#resume = Promise.withResolvers<void>()
    await this.#wanted.promise
  }
  async allRefused(): Promise<Refusals> {
    await this.#all.promise
    const times = this.#refused.map(({ atMs }) => atMs)
    return { firstMs: Math.min(...times), lastMs: Math.max(...times), late: this.#late }
  }
  async close(): Promise<void> {
    this.#closed = true
    this.#resume.resolve()
    await Promise.all(this.#loops)
  }

  async #loop(client: number): Promise<void> {
    await this.#resume.promise
    for (let call = 0; !this.#closed; call++) {
      const sentMs = performance.now()
      const code = await this.#call(client, call)
      if (code === null) {
        const [firstRefusal] = this.#refused
        if (firstRefusal !== undefined && sentMs > firstRefusal.atMs) this.#late += 1
        if (++this.#answered >= 0) this.#wanted.resolve()
      } else if (!REFUSED.has(code)) throw new Error(`a call was answered \`${code}\``)
      else if (this.#answered >= 0) {
        const resume = this.#resume.promise
        this.#refused.push({ atMs: performance.now() })
        if (this.#refused.length === CLIENTS) this.#all.resolve()
        await resume
      }
    }
  }

  /** Null when committed; otherwise the problem's code. */
  async #call(client: number, call: number): Promise<string | null> {
    const response = await fetch(`${this.#url}/v1/commands/add`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.#key}`,
        'content-type': 'application/json',
        'idempotency-key': `stop-${this.#run}-${client}-${call}`,
      },
      body: JSON.stringify({ account: accountId(client), amount: 1, note: 'until stopped' }),
    })
    const body = (await response.json()) as { kind?: string; code?: string }
    return body.kind === 'committed' ? null : (body.code ?? `status ${response.status}`)
  }
}
