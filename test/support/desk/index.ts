/** A front desk: callers say who they are, and a desk keeps nothing of it. What is personal in a call belongs to no data subject. */
import { application, command, entity } from 'plinth'
import { z } from 'zod'

export const caller = entity('caller', {
  describe: 'Somebody who is known here.',
  state: z.object({ name: z.string() }),
  events: { noted: z.object({ name: z.string() }) },
  opens: ['noted'],
  evolve: { noted: (_, noted) => noted },
  personal: { events: { noted: { name: '[erased]' } } },
})

export const desk = entity('desk', {
  describe: 'Where callers are put through to.',
  state: z.object({ minutes: z.int() }),
  events: { taken: z.object({ minutes: z.int() }) },
  opens: ['taken'],
  evolve: { taken: (_, taken) => taken },
})

const facts = z.object({ minutes: z.int() })

export const putThrough = command('put_through', {
  describe: 'Put a caller through to a desk.',
  input: z.object({ desk: desk.id(), name: z.string(), minutes: z.int() }),
  facts,
  personal: ['name'],
  decide(tx, { desk: id, minutes }) {
    tx.facts({ minutes })
    tx.append(desk, id, 'taken', { minutes })
  },
})

export const takeUp = command('take_up', {
  describe: 'Note time that a desk was taken up otherwise.',
  input: z.object({ desk: desk.id(), minutes: z.int() }),
  facts,
  decide(tx, { desk: id, minutes }) {
    tx.facts({ minutes })
    tx.append(desk, id, 'taken', { minutes })
  },
})

export const note = command('note', {
  describe: 'Note who a caller is.',
  input: z.object({ caller: caller.id(), name: z.string() }),
  personal: ['name'],
  decide(tx, { caller: id, name }) {
    tx.append(caller, id, 'noted', { name })
  },
})

export const announce = command('announce', {
  describe: 'Announce a caller at a desk; the code of it says too much when it fails.',
  input: z.object({ desk: desk.id(), who: z.string(), throws: z.boolean() }),
  output: z.record(z.string(), z.int()),
  async decide(tx, { who, throws }) {
    const { name } = await tx.get(caller, who)
    if (throws) throw new Error(`nobody lets ${name} in`)
    return { [name]: name as unknown as number }
  },
})

export default application('desk', {
  describe: 'A front desk.',
  entities: [caller, desk],
  commands: [putThrough, takeUp, note, announce],
})
