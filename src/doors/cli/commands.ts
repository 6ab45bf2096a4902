/** The table of commands. Help, parser and docs/reference/cli.md are made from it. */
import { SYSTEM_OPTIONS, type Command, type Options } from './command.ts'

const START_OPTIONS: Options = {
  app: { type: 'string', value: 'PATH', describe: 'the application’s module or folder' },
  dir: SYSTEM_OPTIONS['dir']!,
  host: { type: 'string', value: 'HOST', describe: 'address to listen on (default 127.0.0.1)' },
  port: {
    type: 'string',
    value: 'PORT',
    describe: 'port to listen on (default 4000, or a free one when that is taken; 0 picks a free one)',
  },
  data: { type: 'string', value: 'DIR', describe: 'at first start, import `DIR/db/*.jsonl`' },
  'heads-every': {
    type: 'string',
    value: 'SECONDS',
    describe: 'state where every stream ends, when there is something new (default 10; 0: never)',
  },
}
const AT: Options = {
  at: {
    type: 'string',
    value: 'WHEN',
    describe: 'as of a log position or a time, e.g. `1200` or `2026-11-21T12:00:00Z`',
  },
}
const PAGE: Options = {
  limit: { type: 'string', value: 'N', describe: 'items on a page, 1 to 200 (default 50)' },
  after: { type: 'string', value: 'CURSOR', describe: 'continue behind the page that gave this cursor' },
}
const YES: Options = { yes: { type: 'boolean', describe: 'do not ask; needed without a terminal' } }

export const COMMANDS: readonly Command[] = [
  {
    name: 'start',
    summary: 'run an application on a data directory',
    usage: ['start [--app PATH] [--dir DIR] [--port PORT] [--data DIR]'],
    options: START_OPTIONS,
    words: [0, 0],
    load: () => import('./commands/start.ts'),
  },
  {
    name: 'dev',
    summary: 'run an application and reload it whenever its files change',
    usage: ['dev [--app PATH] [--dir DIR] [--port PORT]'],
    options: START_OPTIONS,
    words: [0, 0],
    load: () => import('./commands/dev.ts'),
  },
  {
    name: 'init',
    summary: 'write a small application to start from',
    usage: ['init NAME'],
    options: {},
    words: [1, 1],
    load: () => import('./commands/init.ts'),
  },
  {
    name: 'release',
    summary: 'build an application into a release, or show the one that runs',
    usage: ['release build [PATH]', 'release show'],
    options: { ...SYSTEM_OPTIONS, out: { type: 'string', value: 'FILE', describe: 'write the release to this file' } },
    words: [1, 2],
    load: () => import('./commands/release.ts'),
  },
  {
    name: 'call',
    summary: 'ask for a command or a query, as the agent',
    usage: ["call NAME ['JSON'] [--run RUN] [--key KEY]"],
    options: {
      ...SYSTEM_OPTIONS,
      as: { type: 'string', value: 'FILE', describe: 'the caller’s credential file (default: the agent’s)' },
      for: { type: 'string', value: 'ID', describe: 'principal to act for' },
      run: { type: 'string', value: 'RUN', describe: 'the run that it belongs to' },
      key: { type: 'string', value: 'KEY', describe: 'idempotency key (default: a new one)' },
    },
    words: [1, 2],
    load: () => import('./commands/call.ts'),
  },
  {
    name: 'attest',
    summary: 'state facts about a run, as the application’s front door',
    usage: ["attest RUN 'JSON'"],
    options: {
      ...SYSTEM_OPTIONS,
      as: { type: 'string', value: 'FILE', describe: 'the caller’s credential file (default: the front door’s)' },
      key: { type: 'string', value: 'KEY', describe: 'idempotency key (default: a new one)' },
    },
    words: [2, 2],
    load: () => import('./commands/attest.ts'),
  },
  {
    name: 'ops',
    summary: 'list operations, newest first',
    usage: ['ops [--state STATE] [--actor ID] [--run RUN] [--action NAME]'],
    options: {
      ...SYSTEM_OPTIONS,
      state: {
        type: 'string',
        value: 'STATE',
        describe: 'committed, held, refused, denied, failed, expired, stopped or read',
      },
      actor: { type: 'string', value: 'ID', describe: 'only this principal’s' },
      run: { type: 'string', value: 'RUN', describe: 'only this run’s' },
      action: { type: 'string', value: 'NAME', describe: 'only this command or query' },
      ...PAGE,
    },
    words: [0, 0],
    load: () => import('./commands/ops.ts'),
  },
  {
    name: 'why',
    summary: 'explain one operation: who, what it read and wrote, why it was allowed or not',
    usage: ['why OPERATION'],
    options: SYSTEM_OPTIONS,
    words: [1, 1],
    load: () => import('./commands/why.ts'),
  },
  {
    name: 'state',
    summary: 'show the system itself, an entity, or a read model, now or as of any position or time',
    usage: ['state', 'state ENTITY [ID] [--at WHEN]', 'state --model MODEL [--where JSON] [--at WHEN]'],
    options: {
      ...SYSTEM_OPTIONS,
      ...AT,
      model: { type: 'string', value: 'MODEL', describe: 'rows of this read model' },
      where: { type: 'string', value: 'JSON', describe: 'columns that must be equal, e.g. `{"status":"pending"}`' },
      ...PAGE,
    },
    words: [0, 2],
    load: () => import('./commands/state.ts'),
  },
  {
    name: 'log',
    summary: 'read the log, or write it to a file that others can verify',
    usage: [
      'log tail [--from POSITION] [--limit N] [--follow]',
      'log show POSITION|OPERATION',
      'log export FILE [--format bundle|jsonl]',
    ],
    options: {
      ...SYSTEM_OPTIONS,
      from: { type: 'string', value: 'POSITION', describe: 'first position (default: the last records)' },
      limit: { type: 'string', value: 'N', describe: 'how many records, 1 to 200 (default 20)' },
      follow: { type: 'boolean', describe: 'go on as records arrive' },
      format: {
        type: 'string',
        value: 'FORMAT',
        describe: 'bundle (default) for the stand-alone verifier, or jsonl for other tools',
      },
    },
    words: [1, 2],
    load: () => import('./commands/log.ts'),
  },
  {
    name: 'verify',
    summary: 'audit a data directory: every hash, stream link, tree, checkpoint and read model',
    usage: ['verify [--dir DIR] [--key FILE]'],
    options: {
      dir: SYSTEM_OPTIONS['dir']!,
      key: {
        type: 'string',
        value: 'FILE',
        describe: 'public key of the log, kept elsewhere (default: the directory’s own `log.vkey`)',
      },
    },
    words: [0, 0],
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'approvals',
    summary: 'list, show and decide what waits for a person',
    usage: [
      'approvals list [--state STATE]',
      'approvals show APPROVAL',
      'approvals approve|refuse APPROVAL [--reason TEXT] [--yes]',
    ],
    options: {
      ...SYSTEM_OPTIONS,
      state: { type: 'string', value: 'STATE', describe: 'pending, approved, refused or expired (default pending)' },
      as: { type: 'string', value: 'FILE', describe: 'the approver’s credential file (default: the operator’s)' },
      reason: { type: 'string', value: 'TEXT', describe: 'goes on record with the decision' },
      ...YES,
      ...PAGE,
    },
    words: [1, 2],
    load: () => import('./commands/approvals.ts'),
  },
  {
    name: 'principals',
    summary: 'who may act: list, add, give keys, revoke, reinstate (signed with the operator key)',
    usage: [
      'principals list',
      'principals add ID --kind human|agent|service [--owner ID] [--role ROLE]… [--act-for ID]… [--approver]',
      'principals add-key ID [--name NAME] [--expires DAYS]',
      'principals set ID [--role ROLE]… [--act-for ID]…',
      'principals remove-key ID --name NAME',
      'principals revoke|reinstate ID',
    ],
    options: {
      dir: SYSTEM_OPTIONS['dir']!,
      kind: { type: 'string', value: 'KIND', describe: 'human, agent or service' },
      owner: { type: 'string', value: 'ID', describe: 'who answers for it; revoking the owner revokes it' },
      role: {
        type: 'string',
        value: 'ROLE',
        multiple: true,
        describe: 'a role that policies may name; repeat for more',
      },
      'act-for': { type: 'string', value: 'ID', multiple: true, describe: 'principal it may act for, or `*`' },
      approver: { type: 'boolean', describe: 'give it a key that signs approval decisions' },
      name: { type: 'string', value: 'NAME', describe: 'name of the key' },
      expires: { type: 'string', value: 'DAYS', describe: 'days until the key expires' },
      out: {
        type: 'string',
        value: 'FILE',
        describe: 'write the new credential to this file (mode 0600) instead of stdout',
      },
      ...YES,
    },
    words: [1, 2],
    load: () => import('./commands/principals.ts'),
  },
  {
    name: 'policy',
    summary: 'what they may do: show, check and publish Cedar policies (signed with the operator key)',
    usage: ['policy status', 'policy show [FILE]', 'policy diff FOLDER', 'policy apply FOLDER [--yes]'],
    options: { dir: SYSTEM_OPTIONS['dir']!, ...YES },
    words: [1, 2],
    load: () => import('./commands/policy.ts'),
  },
]
