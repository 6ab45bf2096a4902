/**
 * What permission costs: admission on impact with ten, a hundred and a thousand policies, seen before and new; scope; what publishing policies again
 * and again leaves behind. The limit is the bare evaluator.
 */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { atMost, type Bench, type Figures, type OpenSuite, type RowSpec, type Suite } from '../measure/suite.ts'
import { latenciesOf } from '../measure/timing.ts'
import { accountId } from '../support/application.ts'
import { BENCH_AGENT, fixedAuthority, publishingAuthority } from '../support/fixed-authority.ts'
import { benchRelease } from '../support/release.ts'
import { streamId } from '../../src/model/ids.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import { openPolicy, type OpenPolicy } from '../../src/policy/open.ts'
import type { AdmitRequest } from '../../src/policy/policy.ts'
import { cedarRequest } from '../../src/policy/request.ts'
import { schemaOf } from '../../src/policy/schema.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'

const POLICIES = [10, 100, 1_000] as const
const ACTIONS = ['add', 'balance_of', 'plinth.attest'] as const // that the policies of `spread` are about, in turn
const NEW_US_MAX = 500 // at a hundred policies
const PUBLICATIONS = { full: 1_000, quick: 100, smoke: 20 } as const
const PUBLICATIONS_BEFORE = 20 // until what is kept once is kept
const SETS_OF_NAMES = 'plinth-bench' // under which the evaluator keeps what it has parsed for the limit

const rowsFor = (count: number): RowSpec[] => [
  {
    id: `admit-${count}-new`,
    what: `admission of a request not seen before, ${count} policies, p50`,
    unit: 'µs',
    figure: `new${count}`,
    ...(count === 100 ? { target: atMost(NEW_US_MAX) } : {}),
    against: [{ what: 'the bare evaluator, policies parsed', figure: `bare${count}` }],
  },
  {
    id: `admit-${count}-spread`,
    what: `the same, the policies being about ${ACTIONS.length} actions in turn, p50`,
    unit: 'µs',
    figure: `spread${count}`,
    against: [{ what: 'the bare evaluator, policies parsed', figure: `bare${count}` }],
  },
  {
    id: `admit-${count}-seen`,
    what: `admission of a request seen before, ${count} policies, p50`,
    unit: 'µs',
    figure: `seen${count}`,
    against: [{ what: 'the bare evaluator, policies parsed', figure: `bare${count}` }],
  },
  { id: `scope-${count}`, what: `scope, ${count} policies, seen before, p50`, unit: 'µs', figure: `scope${count}` },
]

export const admission: Suite = {
  name: 'admission',
  title: 'Admission',
  method:
    'Policies that look at facts, input and impact of `add`; all but one are conditions that do not hold. New requests differ in a fact that a policy reckons with, because one that is only compared would not make them new; the bare ' +
    'evaluator gets the same request ready made, checked against the schema, and no authority record is made of its answer. The request names eight entities: the ' +
    'principal, its six roles and the resource. Memory is what the process holds after publishing sets of ten policies one after the other, less what it held before.',
  rows: [
    ...POLICIES.flatMap(rowsFor),
    {
      id: 'publications',
      what: 'memory that publishing policies again and again leaves',
      unit: 'MB',
      figure: 'publications',
    },
  ],
  open,
}

async function open({ sizes }: Bench): Promise<OpenSuite> {
  const cells = await openSandbox()
  const { manifest } = await benchRelease(cells).finally(() => cells.close())

  async function run(): Promise<Figures> {
    const figures: Record<string, number> = {}
    for (const count of POLICIES) {
      const texts = policyTexts(count)
      const policy = openPolicy({ source: fixedAuthority(filesOf(texts)), manifest })
      const repeat = async (call: (i: number) => unknown): Promise<number> =>
        (await latenciesOf(sizes.repetitions, call)).p50Us
      figures[`new${count}`] = await repeat((i) => admit(policy, i + 1))
      figures[`seen${count}`] = await repeat(() => admit(policy, 1))
      figures[`scope${count}`] = await repeat(() => policy.inScope(BENCH_AGENT, 'add'))
      policy.close()
      const spread = openPolicy({ source: fixedAuthority(filesOf(policyTexts(count, ACTIONS))), manifest })
      figures[`spread${count}`] = await repeat((i) => admit(spread, i + 1))
      spread.close()
      const evaluate = bareEvaluator(manifest, texts)
      figures[`bare${count}`] = await repeat((i) => evaluate(i + 1))
    }
    figures['publications'] = await memoryLeft(manifest, PUBLICATIONS[sizes.name])
    return figures
  }
  return { run, close: async () => {} }
}

function admit(policy: OpenPolicy, amount: number): void {
  const { kind } = policy.admit(asking(amount))
  if (kind !== 'admitted') throw new Error(`the request was \`${kind}\``)
}

/** Megabytes more than before, after so many sets have been in force for one decision each. */
async function memoryLeft(manifest: Manifest, publications: number): Promise<number> {
  const source = publishingAuthority(filesOf(policyTexts(10)))
  const policy = openPolicy({ source, manifest })
  const publish = async (round: number): Promise<void> => {
    await source.publish({ ...filesOf(policyTexts(10)), 'round.cedar': `// ${round}` })
    admit(policy, round + 1)
  }
  for (let round = 0; round < PUBLICATIONS_BEFORE; round++) await publish(round)
  const before = process.memoryUsage.rss()
  for (let round = 0; round < publications; round++) await publish(PUBLICATIONS_BEFORE + round)
  const left = process.memoryUsage.rss() - before
  policy.close()
  return Math.max(0, left) / 1_000_000
}

const filesOf = (texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  'rules.cedar': Object.values(texts).join('\n'),
  'scope/all.cedar': SCOPE,
})

const SCOPE = '@id("scope-agents")\npermit (principal in Role::"agent", action, resource);'

/** By id. Each reckons with a fact, so that every other value makes a request new, and does not apply. */
function policyTexts(count: number, actions: readonly string[] = ['add']): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {
    'agents-work': '@id("agents-work")\npermit (principal in Role::"agent", action, resource);',
  }
  for (let i = 1; i < count - 1; i++)
    // the one about scope counts as well
    texts[`rule-${i}`] =
      `@id("rule-${i}")\nforbid (principal, action == Action::"${actions[i % actions.length]}", resource)\n` +
      `when { context has facts && context.facts.amount + 1 > ${i * 1_000_000} && context.facts.owner == "nobody-${i}" };`
  return texts
}

const asking = (amount: number): AdmitRequest => ({
  principal: BENCH_AGENT,
  action: 'add',
  resource: { entity: 'account', id: accountId(1) },
  input: { account: accountId(1), amount, note: 'Paid at the counter.' },
  facts: { owner: 'owner-1', amount },
  impact: {
    ...{ events: ['account.added'], effects: [], irreversible: false },
    streams: [streamId('account', accountId(1))],
  },
  attested: {},
  approvals: [],
})

function bareEvaluator(manifest: Manifest, texts: Readonly<Record<string, string>>): (amount: number) => void {
  const schema = schemaOf(manifest)
  const parsed = [
    cedar.preparsePolicySet(SETS_OF_NAMES, { staticPolicies: { ...texts } }),
    cedar.preparseSchema(SETS_OF_NAMES, schema.admission),
  ]
  if (parsed.some(({ type }) => type !== 'success')) throw new Error('the policies do not parse')
  return (amount) => {
    const { principal, action, resource, context, entities } = cedarRequest(schema, asking(amount))
    const answer = cedar.statefulIsAuthorized({
      ...{ principal: { ...principal }, action: { ...action }, resource: { ...resource } },
      context: context as cedar.Context,
      ...{ preparsedPolicySetId: SETS_OF_NAMES, preparsedSchemaName: SETS_OF_NAMES, validateRequest: true },
      entities: entities as unknown as cedar.Entities,
    })
    if (answer.type !== 'success' || answer.response.decision !== 'allow') throw new Error('the bare evaluator denied')
  }
}
