/** What the benchmarks call: accounts that count, with a read model, a query and a command that looks at what it changes. */
import { application, command, entity, importer, money, query, readModel } from 'plinth'
import { z } from 'zod'

export const account = entity('account', {
  describe: 'Something of somebody, with a balance.',
  state: z.object({ owner: z.string(), balance: money(), changes: z.int() }),
  events: {
    opened: z.object({ owner: z.string() }),
    added: z.object({ amount: money(), reference: z.string(), note: z.string() }),
  },
  opens: ['opened'],
  evolve: {
    opened: (_, { owner }) => ({ owner, balance: 0, changes: 0 }),
    added: (state, { amount }) => ({ ...state, balance: state.balance + amount, changes: state.changes + 1 }),
  },
})

export const balances = readModel('balances', {
  describe: 'Accounts by owner.',
  of: account,
  row: z.object({ owner: z.string(), balance: money() }),
  indexes: [['owner']],
  from: ({ owner, balance }) => ({ owner, balance }),
})

export const add = command('add', {
  describe: 'Add an amount to an account.',
  input: z.object({ account: account.id(), amount: money().positive(), note: z.string().max(1_000) }),
  output: z.object({ balance: money() }),
  facts: z.object({ owner: z.string(), amount: money() }),
  refusals: { 'too-much': 'An account holds at most a million.' },
  async decide(tx, { account: id, amount, note }) {
    const { owner, balance } = await tx.get(account, id)
    tx.facts({ owner, amount })
    if (balance + amount > 100_000_000) return tx.refuse('too-much', { balance })
    tx.append(account, id, 'added', { amount, reference: id, note })
    return { balance: balance + amount }
  },
})

export const balanceOf = query('balance_of', {
  describe: 'What an account holds.',
  input: z.object({ account: account.id() }),
  output: z.object({ balance: money(), changes: z.int() }),
  async read(tx, { account: id }) {
    const { balance, changes } = await tx.get(account, id)
    return { balance, changes }
  },
})

export const accounts = importer('accounts', {
  describe: 'Accounts to begin with.',
  of: account,
  event: 'opened',
  record: z.object({ id: z.string(), owner: z.string() }),
  map: ({ id, owner }) => ({ id, data: { owner } }),
})

export default application('bench', {
  describe: 'What the benchmarks call.',
  entities: [account],
  readModels: [balances],
  commands: [add],
  queries: [balanceOf],
  importers: [accounts],
  attested: z.object({ owner: z.string().optional() }),
})
