/** The ledger as it must not become: its read model gives up on what has been recorded. */
import { application, readModel } from 'plinth'
import { z } from 'zod'
import { count, counter, countOf, failAbove, nudge } from './index.ts'

const counters = readModel('counters', {
  describe: 'Counters by count.',
  of: counter,
  row: z.object({ count: z.int() }),
  indexes: [['count']],
  from: ({ count }) => {
    if (count > 2) throw new Error('only small counters')
    return { count }
  },
})

export default application('ledger', {
  describe: 'Counters.',
  entities: [counter],
  readModels: [counters],
  commands: [count, nudge, failAbove],
  queries: [countOf],
})
