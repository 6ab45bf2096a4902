/** A bank of three lines, for tests of the doors: every kind of answer that a command or query can get is one call away. */
import { application, command, effect, entity, query, readModel } from 'plinth'
import { z } from 'zod'

export const account = entity('account', {
  describe: 'money of one person',
  state: z.object({ owner: z.string(), balance: z.int(), closed: z.boolean() }),
  events: {
    opened: z.object({ owner: z.string() }),
    moved: z.object({ by: z.int() }),
    closed: z.object({}),
  },
  opens: ['opened'],
  evolve: {
    opened: (_none, { owner }) => ({ owner, balance: 0, closed: false }),
    moved: (state, { by }) => ({ ...state, balance: state.balance + by }),
    closed: (state) => ({ ...state, closed: true }),
  },
})

export const owners = readModel('owners', {
  of: account,
  row: z.object({ owner: z.string(), balance: z.int() }),
  indexes: [['owner', 'balance']],
  from: (state) => ({ owner: state.owner, balance: state.balance }),
})

const letter = effect('letter', {
  describe: 'write to the owner',
  payload: z.object({ accountId: z.string() }),
  risk: 'reversible',
})

const accountInput = z.object({ accountId: account.id() })

export const openAccount = command('open_account', {
  describe: 'Open an account.',
  input: z.object({ accountId: account.id(), owner: z.string().min(1) }),
  output: z.object({ accountId: z.string() }),
  refusals: { 'account-exists': 'there is an account with this id' },
  appends: [account],
  async decide(tx, { accountId, owner }) {
    if ((await tx.lookup(account, accountId)) !== undefined) return tx.refuse('account-exists', { accountId })
    tx.append(account, accountId, 'opened', { owner })
    return { accountId }
  },
})

export const deposit = command('deposit', {
  describe: 'Put money into an account.',
  input: z.object({ accountId: account.id(), amount: z.int().min(1) }),
  output: z.object({ balance: z.int() }),
  appends: [account],
  async decide(tx, { accountId, amount }) {
    const { balance } = await tx.get(account, accountId)
    tx.append(account, accountId, 'moved', { by: amount })
    return { balance: balance + amount }
  },
})

/** Held for an operator. */
export const closeAccount = command('close_account', {
  describe: 'Close an account and write to its owner.',
  input: accountInput,
  output: z.object({ accountId: z.string() }),
  appends: [account],
  effects: [letter],
  async decide(tx, { accountId }) {
    await tx.get(account, accountId)
    tx.append(account, accountId, 'closed', {})
    tx.effect(letter, { accountId })
    return { accountId }
  },
})

/** In scope, and always denied. */
export const emptyAccount = command('empty_account', {
  describe: 'Take all the money.',
  input: accountInput,
  appends: [account],
  async decide(tx, { accountId }) {
    const { balance } = await tx.get(account, accountId)
    tx.append(account, accountId, 'moved', { by: -balance })
    return {}
  },
})

/** Out of scope of every agent. */
export const auditAccount = command('audit_account', {
  describe: 'For auditors only.',
  input: accountInput,
  appends: [],
  decide: async () => ({}),
})

/** Throws. */
export const breakAccount = command('break_account', {
  describe: 'Fails in the application.',
  input: accountInput,
  appends: [account],
  async decide() {
    throw new Error('a secret of the application')
  },
})

export const findAccounts = query('find_accounts', {
  describe: 'Accounts of one owner.',
  input: z.object({ owner: z.string() }),
  output: z.object({ accounts: z.array(z.object({ accountId: z.string(), balance: z.int() })) }),
  async read(tx, { owner }) {
    const found = await tx.find(owners, { where: { owner } })
    return { accounts: found.map(({ id, row }) => ({ accountId: id, balance: row.balance })) }
  },
})

export default application('ledger', {
  describe: 'Accounts, for tests.',
  entities: [account],
  readModels: [owners],
  effects: [letter],
  commands: [openAccount, deposit, closeAccount, emptyAccount, auditAccount, breakAccount],
  queries: [findAccounts],
  attested: z.object({ customer: z.string().optional() }),
})
