/** A vault: an application whose declarations ask for more than the default acknowledgement, and whose effects are of every risk. */
import { application, command, effect, entity, type Effect } from 'plinth'
import { z } from 'zod'

export const box = entity('box', {
  describe: 'What is kept.',
  state: z.object({ holds: z.int() }),
  events: { filled: z.object({ count: z.int() }), sealed: z.object({}) },
  initial: { holds: 0 },
  acknowledge: { sealed: 'witnessed' },
  evolve: { filled: ({ holds }, { count }) => ({ holds: holds + count }), sealed: (state) => state },
})

export const what = z.object({ box: z.string() })
type Wire = Effect<'wire', typeof what>
export const mail = effect('mail', { describe: 'Can be apologised for.', payload: what, risk: 'compensable' })

const input = z.object({ box: box.id() })
const output = z.object({ box: z.string() })

export const put = command('put', {
  describe: 'Put one thing in.',
  input,
  output,
  decide(tx, { box: id }) {
    tx.append(box, id, 'filled', { count: 1 })
    return { box: id }
  },
})
export const seal = command('seal', {
  describe: 'Its event asks for witnesses.',
  input,
  output,
  decide(tx, { box: id }) {
    tx.append(box, id, 'sealed', {})
    return { box: id }
  },
})
export const notarise = command('notarise', {
  describe: 'It asks for a time stamp itself.',
  input,
  output,
  acknowledge: 'timestamped',
  decide(tx, { box: id }) {
    tx.append(box, id, 'filled', { count: 0 })
    return { box: id }
  },
})
/** The whole application, whatever risk its wire is said to be. */
export const vaultWith = (wire: Wire) =>
  application('vault', {
    describe: 'For tests of acknowledgement levels.',
    entities: [box],
    commands: [put, seal, notarise, sendWith(wire)],
    effects: [wire, mail],
  })
const sendWith = (wire: Wire) =>
  command('send', {
    describe: 'Asks for an effect of each risk.',
    input,
    output,
    effects: [wire, mail],
    decide(tx, { box: id }) {
      tx.append(box, id, 'filled', { count: -1 })
      tx.effect(mail, { box: id })
      tx.effect(wire, { box: id })
      return { box: id }
    },
  })

export default vaultWith(effect('wire', { describe: 'Cannot be taken back.', payload: what, risk: 'irreversible' }))
