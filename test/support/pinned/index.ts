/** An application whose one command rests on facts from outside: what changes while it waits for approval is for the tests to decide. */
import { application, command, effect, entity } from 'plinth'
import { z } from 'zod'

export const payment = entity('payment', {
  describe: 'Money that goes out.',
  state: z.object({ amount: z.int(), sent: z.int() }),
  events: { opened: z.object({ amount: z.int() }), sent: z.object({}) },
  opens: ['opened'],
  evolve: {
    opened: (_, { amount }) => ({ amount, sent: 0 }),
    sent: (state) => ({ ...state, sent: state.sent + 1 }),
  },
})

export const transferOut = effect('transfer_out', {
  describe: 'Sends the money.',
  payload: z.object({ payment: z.string(), amount: z.int() }),
  risk: 'irreversible',
})

export const open = command('open', {
  describe: 'Opens a payment.',
  input: z.object({ payment: payment.id(), amount: z.int() }),
  decide(tx, { payment: id, amount }) {
    tx.append(payment, id, 'opened', { amount })
    return null
  },
})

/** The pin is the exchange rate of the hour, as this application's clock knows it. */
export const send = command('send', {
  describe: 'Sends a payment at the rate of this hour.',
  input: z.object({ payment: payment.id() }),
  effects: [transferOut],
  async decide(tx, { payment: id }) {
    const { amount } = await tx.get(payment, id)
    tx.append(payment, id, 'sent', {})
    const hash = String(Math.floor(tx.nowMs / 3_600_000)).padStart(64, '0')
    tx.effect(transferOut, { payment: id, amount }, { pins: [{ fact: 'rate', hash }] })
    return null
  },
})

export default application('pinned', {
  describe: 'Payments at the rate of the hour.',
  entities: [payment],
  effects: [transferOut],
  commands: [open, send],
})
