/** A small bank: the application that the engine's own tests run. Every kind of declaration is in it once. */
import { application, command, effect, entity, importer, invariant, money, query, readModel } from 'plinth'
import { z } from 'zod'

export const account = entity('account', {
  describe: 'What a customer owns.',
  state: z.object({ owner: z.string(), balance: money(), opened: z.int() }),
  events: {
    opened: z.object({ owner: z.string(), atMs: z.int(), balance: money() }),
    deposited: z.object({ amount: money() }),
    withdrawn: z.object({ amount: money() }),
  },
  opens: ['opened'],
  evolve: {
    opened: (_, { owner, atMs, balance }) => ({ owner, balance, opened: atMs }),
    deposited: (state, { amount }) => ({ ...state, balance: state.balance + amount }),
    withdrawn: (state, { amount }) => ({ ...state, balance: state.balance - amount }),
  },
})

export const accountsByOwner = readModel('accounts_by_owner', {
  describe: 'Accounts, by who owns them.',
  of: account,
  row: z.object({ owner: z.string(), balance: money() }),
  indexes: [['owner', 'balance']],
  from: ({ owner, balance }) => ({ owner, balance }),
})

export const notOverdrawn = invariant('not-overdrawn', {
  describe: 'No account is below zero.',
  of: account,
  holds: ({ balance }) => balance >= 0,
})

export const payout = effect('payout', {
  describe: 'Sends money out of the house.',
  payload: z.object({ account: z.string(), amount: money() }),
  risk: 'irreversible',
})

export const openAccount = command('open_account', {
  describe: 'Open an account.',
  input: z.object({ account: account.id(), owner: z.string().min(1).max(100) }),
  output: z.object({ account: z.string() }),
  decide(tx, { account: id, owner }) {
    tx.append(account, id, 'opened', { owner, atMs: tx.nowMs, balance: 0 })
    return { account: id }
  },
})

export const deposit = command('deposit', {
  describe: 'Put money into an account.',
  input: z.object({ account: account.id(), amount: money().positive() }),
  output: z.object({ balance: money() }),
  async decide(tx, { account: id, amount }) {
    await tx.get(account, id)
    tx.append(account, id, 'deposited', { amount })
    return { balance: (await tx.get(account, id)).balance }
  },
})

export const withdraw = command('withdraw', {
  describe: 'Take money out of an account, to be sent away.',
  input: z.object({ account: account.id(), amount: money().positive() }),
  output: z.object({ balance: money() }),
  facts: z.object({ owner: z.string(), amount: money() }),
  refusals: { 'not-enough': 'The account does not hold that much.' },
  effects: [payout],
  async decide(tx, { account: id, amount }) {
    const { owner, balance } = await tx.get(account, id)
    tx.facts({ owner, amount })
    if (balance < amount) return tx.refuse('not-enough', { balance })
    tx.append(account, id, 'withdrawn', { amount })
    tx.effect(payout, { account: id, amount })
    return { balance: balance - amount }
  },
})

export const overdraw = command('overdraw', {
  describe: 'Takes money without looking: what the invariant is for.',
  input: z.object({ account: account.id(), amount: money().positive() }),
  async decide(tx, { account: id, amount }) {
    await tx.get(account, id)
    tx.append(account, id, 'withdrawn', { amount })
    return null
  },
})

export const transfer = command('transfer', {
  describe: 'Move money between two accounts.',
  input: z.object({ from: account.id(), to: account.id(), amount: money().positive() }),
  refusals: { 'not-enough': 'The account does not hold that much.' },
  async decide(tx, { from, to, amount }) {
    const source = await tx.get(account, from)
    await tx.get(account, to)
    if (source.balance < amount) return tx.refuse('not-enough', { balance: source.balance })
    tx.append(account, from, 'withdrawn', { amount })
    tx.append(account, to, 'deposited', { amount })
    return null
  },
})

/** At most three accounts an owner: a rule over a find, so that it also guards against the account that is not there yet. */
export const openLimited = command('open_limited', {
  describe: 'Open an account, at most three an owner.',
  input: z.object({ account: account.id(), owner: z.string().min(1).max(100) }),
  refusals: { 'too-many': 'This owner has three accounts.' },
  async decide(tx, { account: id, owner }) {
    const found = await tx.find(accountsByOwner, { where: { owner }, limit: 3 })
    if (found.length >= 3) return tx.refuse('too-many', {})
    tx.append(account, id, 'opened', { owner, atMs: tx.nowMs, balance: 0 })
    return null
  },
})

export const hang = command('hang', {
  describe: 'Never comes back.',
  input: z.object({}),
  decide() {
    for (;;);
  },
})

export const balanceOf = query('balance_of', {
  describe: 'What an account holds.',
  input: z.object({ account: account.id() }),
  output: z.object({ balance: money() }),
  facts: z.object({ owner: z.string() }),
  async read(tx, { account: id }) {
    const { owner, balance } = await tx.get(account, id)
    tx.facts({ owner })
    return { balance }
  },
})

export const accountsOf = query('accounts_of', {
  describe: 'Accounts of an owner, the smallest balance first.',
  input: z.object({ owner: z.string() }),
  output: z.array(z.object({ account: z.string(), balance: money() })),
  async read(tx, { owner }) {
    const rows = await tx.find(accountsByOwner, { where: { owner }, order: ['balance'] })
    return rows.map(({ id, row }) => ({ account: id, balance: row.balance }))
  },
})

export const accounts = importer('accounts', {
  describe: 'Accounts of another bank.',
  of: account,
  event: 'opened',
  record: z.object({ id: z.string(), owner: z.string(), cents: z.int() }),
  map: ({ id, owner, cents }) => ({ id, data: { owner, atMs: 0, balance: cents } }),
})

export default application('bank', {
  describe: 'A small bank.',
  entities: [account],
  readModels: [accountsByOwner],
  invariants: [notOverdrawn],
  effects: [payout],
  commands: [openAccount, deposit, withdraw, overdraw, transfer, openLimited, hang],
  queries: [balanceOf, accountsOf],
  importers: [accounts],
  attested: z.object({ customer: z.string().optional() }),
})
