/**
 * Every fault that can leave the system, as one registry. HTTP, MCP and CLI render from it; docs/reference/problems.md is generated.
 * Codes are public: add, never rename.
 */
import type { JsonObject } from './json.ts'

export interface ProblemSpec {
  readonly status: number
  /** What a caller may do: send the same command again with the same key, a changed one with a new key, or nothing. */
  readonly retry: 'same-key' | 'new-key' | 'later' | 'never'
  readonly title: string
  /** What to do next, for whoever reads it. */
  readonly next: string
}

const spec = <const S extends Readonly<Record<string, ProblemSpec>>>(specs: S): S => specs

export const PROBLEMS = spec({
  // who is calling
  'credentials-missing': {
    status: 401,
    retry: 'same-key',
    title: 'no credentials were sent',
    next: 'send `Authorization: Bearer <key>`; `plinth principals list` shows who exists',
  },
  'credentials-invalid': {
    status: 401,
    retry: 'never',
    title: 'the credentials are not known or not valid any more',
    next: 'ask an operator for a new key: `plinth principals add-key <principal>`',
  },
  'credentials-expired': {
    status: 401,
    retry: 'same-key',
    title: 'the token has expired',
    next: 'get a new token from its issuer and send the same command again',
  },
  'principal-revoked': {
    status: 403,
    retry: 'never',
    title: 'this principal has been revoked',
    next: 'an operator may reinstate it: `plinth principals reinstate <principal>`',
  },
  'delegation-refused': {
    status: 403,
    retry: 'never',
    title: 'the caller may not act for that principal',
    next: 'act under your own name, or ask for a delegation',
  },
  // what was asked
  'malformed-request': {
    status: 400,
    retry: 'new-key',
    title: 'the request could not be read',
    next: 'compare it with the OpenAPI document at `/openapi.json`',
  },
  'malformed-json': {
    status: 400,
    retry: 'new-key',
    title: 'the body is not strict JSON',
    next: 'send UTF-8 JSON without duplicate member names, nested at most 64 deep',
  },
  'body-too-large': {
    status: 413,
    retry: 'new-key',
    title: 'the body is larger than this door takes',
    next: 'send less; the limit is in `limit`',
  },
  'unsupported-media-type': {
    status: 415,
    retry: 'new-key',
    title: 'the body is not of a type that this door takes',
    next: 'send `Content-Type: application/json`',
  },
  'method-not-allowed': {
    status: 405,
    retry: 'never',
    title: 'this address does not take that method',
    next: 'see `Allow`',
  },
  'host-refused': {
    status: 403,
    retry: 'never',
    title: 'this door does not answer under that name',
    next: 'use the address that `plinth start` printed',
  },
  'not-found': { status: 404, retry: 'never', title: 'there is nothing at this address', next: 'see `/openapi.json`' },
  'run-of-another': {
    status: 403,
    retry: 'never',
    title: 'this run is not open to this principal',
    next: 'name a run of your own; one is open to the agent that calls under it first, to the agents of its team, and to who attests for it: docs/operating/data-flow.md#whose-a-run-is',
  },
  'no-such-command': {
    status: 404,
    retry: 'never',
    title: 'there is no such command for this principal',
    next: 'list what there is: `tools/list` over MCP, or `/openapi.json`',
  },
  'no-such-query': {
    status: 404,
    retry: 'never',
    title: 'there is no such query for this principal',
    next: 'list what there is: `tools/list` over MCP, or `/openapi.json`',
  },
  'no-such-entity': {
    status: 404,
    retry: 'never',
    title: 'there is no such entity',
    next: 'see `/openapi.json` for the entities of the application',
  },
  'no-such-operation': {
    status: 404,
    retry: 'never',
    title: 'no operation with this id is on record',
    next: 'find it with `plinth ops`',
  },
  'no-such-approval': {
    status: 404,
    retry: 'never',
    title: 'no approval request with this id is on record',
    next: 'find it with `plinth approvals list`',
  },
  'invalid-input': {
    status: 422,
    retry: 'new-key',
    title: 'the input does not fit the schema',
    next: 'correct what `errors` names and send it with a new key',
  },
  'invalid-position': {
    status: 400,
    retry: 'never',
    title: 'the log has no such position or time',
    next: 'ask for a position up to the head that `/v1/self` names',
  },
  'invalid-cursor': {
    status: 400,
    retry: 'never',
    title: 'the cursor is not one that this system gave',
    next: 'start again from the first page',
  },
  'idempotency-key-missing': {
    status: 400,
    retry: 'new-key',
    title: 'a change needs an idempotency key',
    next: 'send `Idempotency-Key: <1 to 255 printable characters>`, a new one for each intent',
  },
  'idempotency-key-invalid': {
    status: 400,
    retry: 'new-key',
    title: 'the idempotency key is not usable',
    next: 'use 1 to 255 printable ASCII characters',
  },
  'idempotency-key-reused': {
    status: 422,
    retry: 'new-key',
    title: 'this key already stands for another payload',
    next: 'use a new key for a new intent',
  },
  'operation-running': {
    status: 409,
    retry: 'same-key',
    title: 'an operation with this key is still running',
    next: 'send the same request again in a moment; it returns the outcome',
  },
  // what stands in the way
  'stream-contended': {
    status: 409,
    retry: 'same-key',
    title: 'other operations kept changing what this one read',
    next: 'send the same command again; nothing was written',
  },
  overloaded: {
    status: 503,
    retry: 'later',
    title: 'too many operations are waiting',
    next: 'send the same command again later; nothing was written',
  },
  'deadline-exceeded': {
    status: 504,
    retry: 'same-key',
    title: 'the operation did not finish in time',
    next: 'send the same command with the same key: it returns the outcome, or runs it once',
  },
  cancelled: {
    status: 499,
    retry: 'same-key',
    title: 'the caller stopped waiting',
    next: 'send the same command with the same key: it returns the outcome, or runs it once',
  },
  'too-many-held': {
    status: 429,
    retry: 'later',
    title: 'this principal has too many operations waiting for approval',
    next: 'wait until some are decided: `plinth approvals list`',
  },
  // the application's code
  'limit-exceeded': {
    status: 422,
    retry: 'never',
    title: 'the application code went over a limit of its sandbox',
    next: 'see `limit` and `observed`; the author must make the command do less',
  },
  'application-failed': {
    status: 500,
    retry: 'never',
    title: 'the application code failed',
    next: 'the author finds the error text in `plinth why <operation>`',
  },
  'application-output-invalid': {
    status: 500,
    retry: 'never',
    title: 'the application code returned something its own declaration does not allow',
    next: 'the author corrects the command; nothing was written',
  },
  'sandbox-unavailable': {
    status: 503,
    retry: 'same-key',
    title: 'no sandbox cell could be started',
    next: 'see `plinth state` for the sandbox level and its last failure',
  },
  // permission
  'admission-failed': {
    status: 403,
    retry: 'never',
    title: 'permission could not be decided, so it is refused',
    next: 'an operator finds the error in `plinth why <operation>`',
  },
  'authority-unavailable': {
    status: 503,
    retry: 'same-key',
    title: 'there is no valid authority snapshot',
    next: 'an operator checks `plinth policy status`',
  },
  'authority-invalid': {
    status: 500,
    retry: 'never',
    title: 'an authority snapshot does not verify',
    next: 'an operator compares the pinned key with the signer of the snapshot: docs/operating/authority.md',
  },
  'authority-change-refused': {
    status: 422,
    retry: 'never',
    title: 'this change to the authority cannot be made',
    next: 'correct what `detail` names; nothing was published',
  },
  'authority-expired': {
    status: 503,
    retry: 'same-key',
    title: 'the warden has been silent for too long: nothing is changed until it is heard again',
    next: 'send the same command with the same key later; an operator starts the warden: docs/operating/warden.md',
  },
  'breaker-open': {
    status: 503,
    retry: 'later',
    title: 'a breaker has tripped: too much went wrong, or too much was changed, in a short time',
    next: 'stop and tell the person you work for; `breaker` names the rule and `untilMs` when it lets calls through again',
  },
  'switched-paused': {
    status: 503,
    retry: 'later',
    title: 'an operator has paused this',
    next: 'send the same command with the same key later; `detail` is the operator’s reason, `switch` names the switch',
  },
  'switched-stopped': {
    status: 403,
    retry: 'never',
    title: 'an operator has stopped this',
    next: 'do not send it again before an operator says so; `detail` is their reason, `switch` names the switch',
  },
  'switched-contained': {
    status: 403,
    retry: 'never',
    title: 'an operator has contained this: it may read, and change nothing',
    next: 'only read until an operator says otherwise; `detail` is their reason, `switch` names the switch',
  },
  'switched-frozen': {
    status: 409,
    retry: 'later',
    title: 'an operator has frozen releases here',
    next: 'go on with the release that is active; `plinth switch off <switch>` ends the freeze',
  },
  'no-such-grant': {
    status: 404,
    retry: 'never',
    title: 'there is no such grant',
    next: 'see `plinth approvals grants --all`',
  },
  'protected-declaration': {
    status: 409,
    retry: 'never',
    title: 'this release changes what operators have protected',
    next: 'have an operator look and sign: `plinth protect accept --app PATH`; or leave the declaration as it was (docs/operating/protected-declarations.md)',
  },
  'no-such-switch': {
    status: 404,
    retry: 'never',
    title: 'no switch or report with this id is on record',
    next: 'find it with `plinth switch list`',
  },
  'change-not-authorized': {
    status: 403,
    retry: 'never',
    title: 'the warden does not take this change from this signer',
    next: 'have it signed by an operator whose roles cover it: `plinth operator list`',
  },
  'change-stale': {
    status: 409,
    retry: 'new-key',
    title: 'the authority has changed since this request was made, or the request has been used or has expired',
    next: 'make the request again; nothing was changed',
  },
  'warden-unavailable': {
    status: 503,
    retry: 'later',
    title: 'the warden did not answer, or another process has it open',
    next: 'see that one warden runs on this directory: docs/operating/warden.md',
  },
  'operator-key-invalid': {
    status: 422,
    retry: 'never',
    title: 'the operator key could not be used',
    next: 'check the file and its passphrase: docs/operating/operator-keys.md',
  },
  'issuer-unavailable': {
    status: 503,
    retry: 'same-key',
    title: 'the keys of the token issuer could not be fetched',
    next: 'send the same request again later; an operator checks the address of the issuer',
  },
  'approval-invalid': {
    status: 422,
    retry: 'never',
    title: 'the approval decision does not verify or does not fit',
    next: 'read the request again with `plinth approvals show <id>` and sign what it shows',
  },
  'approval-settled': {
    status: 409,
    retry: 'never',
    title: 'this approval request has been decided or has expired',
    next: 'see `plinth approvals show <id>`',
  },
  forbidden: {
    status: 403,
    retry: 'never',
    title: 'this principal may not do that here',
    next: 'use an operator credential',
  },
  // storage and log
  'storage-unavailable': {
    status: 503,
    retry: 'same-key',
    title: 'storage did not answer; it is unknown whether this was written',
    next: 'send the same command with the same key; operators: docs/operating/storage.md',
  },
  'storage-damaged': {
    status: 500,
    retry: 'never',
    title: 'what is stored does not match its hash',
    next: 'stop writing, keep a copy and run `plinth verify`: docs/operating/storage.md#damaged',
  },
  'log-equivocation': {
    status: 500,
    retry: 'never',
    title: 'the log has signed two histories',
    next: 'stop relying on this system; give the evidence to its operator and to whoever else uses it: docs/operating/receipts.md',
  },
  'log-rollback': {
    status: 500,
    retry: 'never',
    title: 'the log has lost records that it had signed',
    next: 'an operator has restored a backup, or somebody has cut the log: docs/operating/receipts.md',
  },
  'log-proof-invalid': {
    status: 500,
    retry: 'never',
    title: 'what came as proof does not prove anything',
    next: 'compare the pinned key with the log’s own, ask again, and show the answer to an operator: docs/operating/receipts.md',
  },
  'log-heads-damaged': {
    status: 500,
    retry: 'never',
    title: 'the heads that are kept here cannot be read',
    next: 'restore the file that `detail` names; without it this client cannot tell whether the log goes on from what it has seen',
  },
  'log-stopped': {
    status: 503,
    retry: 'later',
    title: 'the log is stopped: a witness says that it contradicts itself',
    next: 'nothing more is written until an operator has looked at the evidence: docs/operating/witnesses.md#the-log-is-stopped',
  },
  'level-unavailable': {
    status: 501,
    retry: 'same-key',
    title: 'this system cannot acknowledge at that level; nothing was written',
    next: 'ask for a lower level, or an operator configures what `detail` names: docs/operating/witnesses.md',
  },
  'witness-policy-invalid': {
    status: 500,
    retry: 'never',
    title: 'the witness policy cannot be used',
    next: 'correct what `detail` names: docs/operating/witnesses.md#the-policy-file',
  },
  'witness-fault': {
    status: 500,
    retry: 'never',
    title: 'this witness must not start',
    next: 'an operator has to look: docs/operating/witnesses.md#a-witness-that-does-not-start',
  },
  'anchor-unavailable': {
    status: 503,
    retry: 'later',
    title: 'no anchor has taken the checkpoint',
    next: 'see `plinth log anchors` for what each answers: docs/operating/anchors.md',
  },
  'anchors-invalid': {
    status: 422,
    retry: 'never',
    title: 'the anchors are not set up as they can be',
    next: 'correct what `detail` names in the file of anchors: docs/operating/anchors.md',
  },
  'personal-data-missing': {
    status: 500,
    retry: 'never',
    title: 'personal data is sealed under a key that is not there, and no erasure says why',
    next: 'bring back the key store (`subject-keys.db`, `subject-keys.key`): docs/operating/erasure.md',
  },
  'no-such-subject': {
    status: 404,
    retry: 'never',
    title: 'no personal data of this data subject is held',
    next: 'a subject is named `<entity>/<id>`; see docs/operating/erasure.md',
  },
  'data-directory-locked': {
    status: 503,
    retry: 'later',
    title: 'another process has this data directory open',
    next: 'stop that process, or use another directory with `--dir`',
  },
  // the log's key and its signer
  'signer-unavailable': {
    status: 503,
    retry: 'same-key',
    title: 'the signer of the log did not answer; what was written is not acknowledged yet',
    next: 'send the same command with the same key; operators: docs/operating/log-key.md#awaiting-signer',
  },
  'signer-unconfirmed': {
    status: 503,
    retry: 'later',
    title: 'the signer of the log waits for a witness to say what it cosigned last',
    next: 'bring a witness of the policy back: docs/operating/log-key.md#unconfirmed',
  },
  'signer-fenced': {
    status: 503,
    retry: 'later',
    title: 'another process writes this log now',
    next: 'stop this process; one writer may have a log: docs/operating/log-key.md#fenced',
  },
  'signer-refused': {
    status: 500,
    retry: 'never',
    title: 'the signer refused a checkpoint that does not follow from the last one',
    next: 'stop, and keep everything as it is: docs/operating/log-key.md#refused',
  },
  'signer-state-damaged': {
    status: 500,
    retry: 'never',
    title: 'what the signer remembers cannot be relied on',
    next: 'do not remove it: docs/operating/log-key.md#state-damaged',
  },
  'log-key-invalid': {
    status: 500,
    retry: 'never',
    title: 'the key of the log is missing, or is another than it was',
    next: 'put the right key back: docs/operating/log-key.md#key',
  },
  'log-behind-signer': {
    status: 500,
    retry: 'never',
    title: 'the log is shorter than what has been signed: it was restored from an older copy, or has lost its end',
    next: 'run `plinth log recover`: docs/operating/log-key.md#restored',
  },
  'log-forked': {
    status: 500,
    retry: 'never',
    title: 'the log is not the one that has been signed',
    next: 'keep everything as it is and run `plinth log recover`: docs/operating/log-key.md#restored',
  },
  'log-recovery-refused': {
    status: 422,
    retry: 'never',
    title: 'the log cannot be recovered in this way',
    next: 'see what `detail` names: docs/operating/log-key.md#restored',
  },
  'system-unreachable': {
    status: 503,
    retry: 'later',
    title: 'no running system answered',
    next: 'start one with `plinth start`, or name another with `--url` and `--token`',
  },
  // building and starting
  'release-invalid': {
    status: 422,
    retry: 'never',
    title: 'the application could not be built into a release',
    next: 'correct what `detail` names',
  },
  'files-unusable': {
    status: 503,
    retry: 'later',
    title: 'a file or folder cannot be used as it has to be',
    next: 'put right what `detail` says: who may write there, how much space is left, or another place: docs/operating/storage.md#unusable',
  },
  usage: {
    status: 400,
    retry: 'never',
    title: 'this cannot be done as the command line has it',
    next: 'see `plinth --help`',
  },
  bug: {
    status: 500,
    retry: 'never',
    title: 'something that must never happen has happened',
    next: 'nothing was written; please report it with the request id',
  },
})

export type ProblemCode = keyof typeof PROBLEMS

/** A fault that travels to a caller or operator. Never thrown for answers (refused, denied, held) or bugs (assert). */
export class Problem extends Error {
  readonly code: ProblemCode
  /** Says what happened here, in lower case, with input quoted in backticks. */
  readonly detail: string
  /** Members for the machine: `limit`, `errors`, `operation`… Never secrets, never input that was not the caller's own. */
  readonly members: JsonObject
  constructor(code: ProblemCode, detail: string, members: JsonObject = {}, cause?: unknown) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause })
    this.name = 'Problem'
    this.code = code
    this.detail = detail
    this.members = members
  }
  get spec(): ProblemSpec {
    return PROBLEMS[this.code]
  }
}

export const problem = (code: ProblemCode, detail: string, members?: JsonObject, cause?: unknown): Problem =>
  new Problem(code, detail, members, cause)
