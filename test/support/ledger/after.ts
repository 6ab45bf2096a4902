/** The ledger one release on: its read model has another column, and an index by it. */
import { application, readModel } from 'plinth'
import { z } from 'zod'
import { count, counter, countOf, failAbove, nudge } from './index.ts'

const counters = readModel('counters', {
  describe: 'Counters by count, odd and even apart.',
  of: counter,
  row: z.object({ count: z.int(), parity: z.string() }),
  indexes: [['parity', 'count']],
  from: ({ count }) => ({ count, parity: count % 2 === 0 ? 'even' : 'odd' }),
})

export default application('ledger', {
  describe: 'Counters.',
  entities: [counter],
  readModels: [counters],
  commands: [count, nudge, failAbove],
  queries: [countOf],
})
