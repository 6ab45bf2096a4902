/** Wrong declarations that must not compile. Type-checked, never run: each `@ts-expect-error` fails the check if its line compiles. */
import { application, entity, importer, invariant, money, readModel } from 'plinth'
import { z } from 'zod'
import { cancel, order } from './shop.ts'

const state = z.object({ status: z.enum(['open', 'shut']), total: money() })
type Shop = z.infer<typeof state>
const events = { opened: z.object({ total: money() }), shut: z.object({}) }

entity('a', {
  state,
  events,
  opens: ['opened'],
  // @ts-expect-error: `shut` has no evolve; every event needs one
  evolve: { opened: (_none, { total }) => ({ status: 'open', total }) },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: {
    opened: (_none, { total }) => ({ status: 'open', total }),
    shut: (old) => ({ ...old, status: 'shut' }),
    // @ts-expect-error: `lost` is not an event of this entity
    lost: (old) => old,
  },
})
entity('a', {
  state,
  events,
  // @ts-expect-error: only declared events can open a stream
  opens: ['born'],
  evolve: { opened: (): Shop => ({ status: 'open', total: 0 }), shut: (): Shop => ({ status: 'shut', total: 0 }) },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  acknowledge: {
    shut: 'witnessed',
    // @ts-expect-error: there is no such level
    opened: 'notarised',
  },
  evolve: { opened: (): Shop => ({ status: 'open', total: 0 }), shut: (): Shop => ({ status: 'shut', total: 0 }) },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  // @ts-expect-error: only declared events are acknowledged
  acknowledge: { born: 'witnessed' },
  evolve: { opened: (): Shop => ({ status: 'open', total: 0 }), shut: (): Shop => ({ status: 'shut', total: 0 }) },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: {
    // @ts-expect-error: nothing is there before an opening event
    opened: (none, { total }) => ({ status: none.status, total }),
    // @ts-expect-error: the state after it must fit the schema: there is no such status
    shut: (old) => ({ ...old, status: 'closed' }),
  },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: { opened: (_none, { total }) => ({ status: 'open', total }), shut: (old) => old },
  personal: { events: { opened: { total: 0 } } },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: { opened: (_none, { total }) => ({ status: 'open', total }), shut: (old) => old },
  // @ts-expect-error: the state has no such member that is a text
  personal: { subject: 'total', events: {} },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: { opened: (_none, { total }) => ({ status: 'open', total }), shut: (old) => old },
  // @ts-expect-error: the event has no such member
  personal: { events: { opened: { name: '' } } },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: { opened: (_none, { total }) => ({ status: 'open', total }), shut: (old) => old },
  // @ts-expect-error: there is no such event
  personal: { events: { born: {} } },
})
entity('a', {
  state,
  events,
  opens: ['opened'],
  evolve: { opened: (_none, { total }) => ({ status: 'open', total }), shut: (old) => old },
  // @ts-expect-error: what stands in is a value of the member's own type
  personal: { events: { opened: { total: '[erased]' } } },
})
entity('a', {
  state,
  events,
  // @ts-expect-error: the initial state must fit the schema
  initial: { status: 'open' },
  evolve: { opened: (old, { total }) => ({ ...old, total }), shut: (old) => ({ ...old, status: 'shut' }) },
})
entity('a', {
  state,
  events,
  initial: { status: 'open', total: 0 },
  evolve: {
    // @ts-expect-error: the event has no `amount`
    opened: (old, { amount }) => ({ ...old, total: amount }),
    shut: (old) => old,
  },
})

const row = z.object({ a: z.string(), b: z.int() })
readModel('m', {
  of: order,
  row,
  // @ts-expect-error: an index names columns of the row
  indexes: [['a', 'c']],
  from: () => null,
})
readModel('m', {
  of: order,
  row,
  indexes: [['a']],
  // @ts-expect-error: the row must fit its schema: `b` is missing
  from: ({ status }) => ({ a: status }),
})
readModel('m', {
  of: order,
  row,
  indexes: [['a']],
  // @ts-expect-error: the state of an order has no `name`
  from: ({ name }) => ({ a: String(name), b: 1 }),
})
// @ts-expect-error: either `from` or `rows`
readModel('m', { of: order, row, indexes: [['a']] })

invariant('i', {
  of: order,
  // @ts-expect-error: an invariant holds or does not: it answers with a boolean
  holds: ({ total }) => total,
})

importer('i', {
  of: order,
  // @ts-expect-error: an order has no such event
  event: 'bought',
  record: z.object({ id: z.string() }),
  map: ({ id }) => ({ id, data: { userId: '', total: 0 } }),
})
importer('i', {
  of: order,
  event: 'placed',
  record: z.object({ id: z.string() }),
  // @ts-expect-error: the data must fit the event: `total` is missing
  map: ({ id }) => ({ id, data: { userId: '' } }),
})

// @ts-expect-error: an entity is not a command
application('x', { describe: '', entities: [order], commands: [cancel, order] })
