/** Small applications as bundles, written by hand, and calls of them: for the tests of the sandbox. */
import type { FindQuery, Row } from '../../model/decision.ts'
import type { ReleaseId } from '../../model/ids.ts'
import type { Call, ReadPort } from '../sandbox.ts'

/** A bundle of commands by name, each with the text of its body: `tx` and `input` are in scope, and so is what `prelude` declares. */
export function commandsBundle(bodies: Readonly<Record<string, string>>, prelude = ''): string {
  const commands = Object.entries(bodies).map(
    ([name, body]) =>
      `${JSON.stringify(name)}: { kind: 'command', name: ${JSON.stringify(name)}, facts: null, output: null, refusals: {}, ` +
      `decide: async (tx, input) => { ${body} } }`,
  )
  return `(() => {
"use strict";
${prelude}
return { kind: 'application', name: 'test', entities: {}, queries: {}, readModels: {}, effects: {}, invariants: {}, importers: {},
  commands: { ${commands.join(',\n')} } }
})`
}

/** Orders with two read models, an invariant, an effect, and counters that exist from the start. */
export const SHOP = `(() => {
"use strict";
const order = { kind: 'entity', name: 'order', initial: undefined, opens: ['placed'], evolve: {
  placed: (state, data) => ({ ...data, status: 'pending' }),
  cancelled: (state, data, id) => { if (state.id !== undefined && state.id !== id) throw new Error('whose?'); return { ...state, status: 'cancelled', reason: data.reason } },
  discounted: (state, data) => ({ ...state, total: state.total - data.by }),
  mutated: (state) => { state.status = 'mutated'; return state },
  timed: (state) => ({ ...state, at: Date.now() }),
} };
const counter = { kind: 'entity', name: 'counter', initial: { count: 0 }, opens: [], evolve: {
  added: (state, data) => ({ count: state.count + data.by }),
} };
const orders = { kind: 'read-model', name: 'orders', of: 'order', rows: (state) => [{ key: '', row: { status: state.status, total: state.total } }] };
const items = { kind: 'read-model', name: 'items', of: 'order', rows: (state) => state.status === 'cancelled' ? [] : (state.items ?? []).map((item) => ({ key: item.id, row: { price: item.price } })) };
const refund = { kind: 'effect', name: 'refund' };
const action = { facts: null, output: null, refusals: {} };
const commands = {
  cancel: { ...action, kind: 'command', name: 'cancel', refusals: { 'order-not-pending': 'it is not pending' }, decide: async (tx, { orderId, reason }) => {
    const found = await tx.get(order, orderId);
    if (found.status !== 'pending') return tx.refuse('order-not-pending', { status: found.status, left: undefined });
    tx.append(order, orderId, 'cancelled', { reason });
    tx.effect(refund, { orderId, amount: found.total }, { pins: [{ fact: 'payment', hash: 'ab' }] });
    return { was: found.status };
  } },
  place: { ...action, kind: 'command', name: 'place', decide: (tx, { orderId, total, items }) => { tx.append(order, orderId, 'placed', { total, items }) } },
  cancelBlindly: { ...action, kind: 'command', name: 'cancelBlindly', decide: (tx, { orderId }) => { tx.append(order, orderId, 'cancelled', { reason: 'blind' }) } },
  discount: { ...action, kind: 'command', name: 'discount', decide: (tx, { orderId, by }) => { tx.append(order, orderId, 'discounted', { by }) } },
  readYourWrites: { ...action, kind: 'command', name: 'readYourWrites', decide: async (tx, { orderId }) => {
    tx.append(counter, 'a', 'added', { by: 2 });
    const first = await tx.get(counter, 'a');
    first.count = 100;
    tx.append(counter, 'a', 'added', { by: 3 });
    const missing = await tx.lookup(order, orderId);
    tx.append(order, orderId, 'placed', { total: 1 });
    const placed = await tx.lookup(order, orderId);
    return { first: first.count, second: (await tx.get(counter, 'a')).count, missing: missing === undefined, placed: placed.status };
  } },
  many: { ...action, kind: 'command', name: 'many', decide: async (tx, { ids }) => (await Promise.all(ids.map((id) => tx.lookup(order, id)))).map((found) => found?.total ?? null) },
  oneByOne: { ...action, kind: 'command', name: 'oneByOne', decide: async (tx, { ids }) => { let sum = 0; for (const id of ids) sum += (await tx.get(order, id)).total; return sum } },
  facts: { ...action, kind: 'command', name: 'facts', facts: {}, decide: async (tx, { state }) => { if (state) tx.facts({ amount: 3 }); return state === 'refuse' ? tx.refuse('no') : null } },
  wrongRefusal: { ...action, kind: 'command', name: 'wrongRefusal', refusals: { known: 'x' }, decide: (tx) => tx.refuse('unknown') },
  throwsRefusal: { ...action, kind: 'command', name: 'throwsRefusal', decide: (tx) => { throw tx.refuse('thrown', { a: 1 }) } },
  swallow: { ...action, kind: 'command', name: 'swallow', decide: async (tx, { orderId }) => { try { await tx.get(order, orderId) } catch {} return 'went on' } },
  throws: { ...action, kind: 'command', name: 'throws', decide: () => { throw new RangeError('no such size') } },
  waits: { ...action, kind: 'command', name: 'waits', decide: () => new Promise(() => {}) },
  forgets: { ...action, kind: 'command', name: 'forgets', decide: (tx, { orderId }) => { tx.get(order, orderId); return 1 } },
  mutates: { ...action, kind: 'command', name: 'mutates', decide: (tx, { orderId }) => { tx.append(order, orderId, 'mutated', {}) } },
  timed: { ...action, kind: 'command', name: 'timed', decide: (tx, { orderId }) => { tx.append(order, orderId, 'timed', {}) } },
  late: { ...action, kind: 'command', name: 'late', decide: (tx) => { Promise.resolve().then(() => 0).then(() => 0).then(() => 0).then(() => tx.append(counter, 'late', 'added', { by: 1 })).catch(() => {}); return 'early' } },
  sneaks: { ...action, kind: 'command', name: 'sneaks', decide: (tx) => ({ toJSON() { tx.append(counter, 'late', 'added', { by: 1 }); return 1 } }) },
  ambient: { ...action, kind: 'command', name: 'ambient', decide: (tx) => ({ now: Date.now(), date: new Date().toISOString(), tx: tx.nowMs, random: [Math.random(), Math.random()], ids: [tx.newId('a'), tx.newId('a')], principal: tx.principal, attested: tx.attested }) },
};
const queries = {
  pending: { ...action, kind: 'query', name: 'pending', read: async (tx, { limit }) => (await tx.find(orders, { where: { status: 'pending' }, order: ['total'], limit })).map(({ id, row }) => [id, row.total]) },
  show: { ...action, kind: 'query', name: 'show', read: async (tx, { orderId }) => await tx.get(order, orderId) },
  writes: { ...action, kind: 'query', name: 'writes', read: (tx) => tx.append(order, 'a', 'placed', {}) },
};
const invariants = { positive: { name: 'positive', of: 'order', holds: (state) => (state.total ?? 0) >= 0 } };
const importers = { orders: { name: 'orders', of: 'order', event: 'placed', map: (record, ordinal) => ({ id: record.number, data: { total: record.total, ordinal } }) } };
return { kind: 'application', name: 'shop', entities: { order, counter }, commands, queries, readModels: { orders, items }, effects: { refund }, invariants, importers };
})`

export const TEST_RELEASE = 'rel_test' as ReleaseId

export const callOf = (name: string, input: unknown = {}, more: Partial<Call> = {}): Call => ({
  release: TEST_RELEASE,
  name,
  input: JSON.stringify(input),
  nowMs: 1_700_000_000_000,
  seed: 'op_abcdefghijklmnopqrstuvwxyz',
  principal: { id: 'ada', kind: 'agent', onBehalfOf: null },
  attested: {},
  prefetched: [],
  ...more,
})

export interface RecordedReads extends ReadPort {
  readonly gets: string[]
  readonly finds: FindQuery[]
}

/** Serves states by `entity/id`, and the same rows for every find; remembers what was asked. */
export function readsOf(states: Readonly<Record<string, unknown>> = {}, rows: readonly Row[] = []): RecordedReads {
  const gets: string[] = []
  const finds: FindQuery[] = []
  return {
    gets,
    finds,
    get(entity, id) {
      gets.push(`${entity}/${id}`)
      const state = states[`${entity}/${id}`]
      return Promise.resolve(
        state === undefined ? { version: 0, state: null } : { version: 1, state: JSON.stringify(state) },
      )
    },
    find(query) {
      finds.push(query)
      return Promise.resolve(rows)
    },
  }
}

export const NEVER = new AbortController().signal
