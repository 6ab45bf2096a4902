/** The ledger as it was one release ago: without its read model. */
import { application } from 'plinth'
import { count, counter, countOf, failAbove, nudge } from './index.ts'

export default application('ledger', {
  describe: 'Counters.',
  entities: [counter],
  commands: [count, nudge, failAbove],
  queries: [countOf],
})
