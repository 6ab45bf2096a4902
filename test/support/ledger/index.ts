/** An application with what the bank has not: a stream that no input names, code that fails on states it did not expect, and odd answers. */
import { application, command, entity, query, readModel } from 'plinth'
import { z } from 'zod'

export const counter = entity('counter', {
  describe: 'Counts.',
  state: z.object({ count: z.int(), last: z.string() }),
  events: { counted: z.object({ by: z.int(), what: z.string() }) },
  initial: { count: 0, last: '' },
  evolve: { counted: ({ count }, { by, what }) => ({ count: count + by, last: what }) },
})

export const counters = readModel('counters', {
  describe: 'Counters by count.',
  of: counter,
  row: z.object({ count: z.int() }),
  indexes: [['count']],
  from: ({ count }) => ({ count }),
})

export const count = command('count', {
  describe: 'Counts on a counter, and on the one that counts everything, which no input names.',
  input: z.object({ on: counter.id(), by: z.int() }),
  async decide(tx, { on, by }) {
    const all = await tx.get(counter, 'all')
    const one = await tx.get(counter, on)
    tx.append(counter, on, 'counted', { by, what: `after ${one.count}` })
    tx.append(counter, 'all', 'counted', { by: 1, what: `after ${all.count}` })
    return null
  },
})

export const nudge = command('nudge', {
  describe: 'Counts on the counter of everything alone.',
  input: z.object({}),
  appends: [counter],
  async decide(tx) {
    await tx.get(counter, 'all')
    tx.append(counter, 'all', 'counted', { by: 1, what: 'nudge' })
    return null
  },
})

export const failAbove = command('fail_above', {
  describe: 'Fails by an exception when a counter is above a bound.',
  input: z.object({ on: counter.id(), bound: z.int() }),
  async decide(tx, { on, bound }) {
    const { count } = await tx.get(counter, on)
    if (count > bound) throw new Error(`above ${bound}`)
    tx.append(counter, on, 'counted', { by: 1, what: 'below' })
    return null
  },
})

export const countOf = query('count_of', {
  describe: 'What a counter is at.',
  input: z.object({ of: counter.id() }),
  output: z.object({ count: z.int() }),
  async read(tx, { of }) {
    return { count: (await tx.get(counter, of)).count }
  },
})

export default application('ledger', {
  describe: 'Counters.',
  entities: [counter],
  readModels: [counters],
  commands: [count, nudge, failAbove],
  queries: [countOf],
})
