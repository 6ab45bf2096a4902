/** The ledger with a looser command: what `nudge` may touch is declared otherwise. */
import { application, command } from 'plinth'
import { z } from 'zod'
import { count, counter, counters, countOf, failAbove } from './index.ts'

const nudge = command('nudge', {
  describe: 'Counts on the counter of everything alone.',
  input: z.object({ by: z.int().optional() }),
  appends: [counter],
  async decide(tx, { by }) {
    await tx.get(counter, 'all')
    tx.append(counter, 'all', 'counted', { by: by ?? 1, what: 'nudge' })
    return null
  },
})

export default application('ledger', {
  describe: 'Counters.',
  entities: [counter],
  readModels: [counters],
  commands: [count, nudge, failAbove],
  queries: [countOf],
})
