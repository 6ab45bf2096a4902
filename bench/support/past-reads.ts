/** Reads of the past and changes of the present, one after the other, on a log of some size. */
import { latenciesOf } from '../measure/timing.ts'
import { accountId } from './application.ts'
import { EVENTS_PER_ACCOUNT, EVENTS_PER_COMMIT, ownerOf } from './big-log.ts'
import type { System } from '../../src/main/open-system.ts'
import type { Credentials } from '../../src/model/principal.ts'

const WARM_ACCOUNTS = 8 // changed in turn, so that their states are in memory as those of a busy account are
let keys = 0

export async function pastReads(
  { engine, credentials }: System,
  events: number,
  repetitions: number,
): Promise<{ readonly stateUs: number; readonly rowsUs: number; readonly commitUs: number }> {
  const bearer = (bearer: string): Credentials => ({ bearer, onBehalfOf: null })
  const operator = bearer(credentials.operator.apiKey)
  const agent = bearer(credentials.agent.apiKey)
  const signal = new AbortController().signal
  const { position: head } = await engine.self(operator, signal)
  const accounts = Math.max(1, Math.floor(events / EVENTS_PER_ACCOUNT))
  const pick = (count: number): number => Math.floor(Math.random() * count)
  const built = events + events / EVENTS_PER_COMMIT // what the changes below add is no past that is read
  const somePosition = () => ({ position: built - 1 - pick(Math.floor(built / 2)) })

  const state = await latenciesOf(repetitions, () =>
    engine.state(operator, 'account', accountId(pick(accounts)), somePosition(), signal),
  )
  const page = { after: null, limit: 10 }
  const rows = await latenciesOf(repetitions, async () => {
    const where = { owner: ownerOf(pick(accounts)) }
    const { items } = await engine.rows(operator, 'balances', where, [], page, somePosition(), signal)
    if (items.length !== 1) throw new Error(`${items.length} rows where there is one`)
  })
  const commit = await latenciesOf(repetitions, async (i) => {
    const input = { account: accountId(i % Math.min(WARM_ACCOUNTS, accounts)), amount: 1, note: 'Paid at the counter.' }
    const intent = {
      ...{ command: 'add', input, idempotencyKey: `past-${++keys}-${head}` },
      ...{ run: null, correlation: null, causation: null },
    }
    const { answer } = await engine.submit(agent, intent, signal)
    if (answer.kind !== 'committed') throw new Error(`a change was answered \`${answer.kind}\``)
  })
  return { stateUs: state.p50Us, rowsUs: rows.p50Us, commitUs: commit.p50Us }
}
