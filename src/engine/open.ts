/** Opens the engine over its parts, in the order in which each needs the one before, and closes them in reverse. */
import { LogStop, stopped } from './acknowledgement/log-stop.ts'
import { openAcknowledgement, type AcknowledgementOptions } from './acknowledgement/open-acknowledgement.ts'
import { recordResumed } from './acknowledgement/record-resumed.ts'
import { recordWitnessPolicy } from './acknowledgement/record-witness-policy.ts'
import { acknowledgementStatus } from './acknowledgement-status.ts'
import { Aside } from './aside.ts'
import { activate } from './activate.ts'
import { adoptInCommitter, enforce, recordAuthority, refuseOlder } from './adopt.ts'
import { anchorNow, anchors, openAnchoring, timestampsOf, type AnchorSetup } from './anchors.ts'
import { approval, approvals } from './approvals.ts'
import { ENGINE_READ_MODELS } from './approval-request.ts'
import { ATTEST, attest } from './attest.ts'
import { openCommitter } from './committer/committer.ts'
import { APPROVE, decideApproval, decideApprovals } from './decide-approval.ts'
import { effects } from './effects.ts'
import type { Engine } from './engine.ts'
import { ERASE, erase, finishErasures } from './erase.ts'
import { startHeads, type HeadsOptions } from './heads/state-heads.ts'
import { grants, withdrawGrant } from './given-grants.ts'
import { giveGrant } from './grants.ts'
import { History } from './history/history.ts'
import { IMPORT, importRecords } from './import-records.ts'
import { operations } from './operations.ts'
import { outcome } from './outcome.ts'
import type { Parts } from './parts.ts'
import { Breakers } from './breakers/breakers.ts'
import { Waits } from './waits.ts'
import { Flows } from './flows.ts'
import { KnownOperations } from './known-operations.ts'
import { openPersonal } from './personal/open-personal.ts'
import { query } from './query.ts'
import { FirstRecords } from './first-records.ts'
import { recordLogKey } from './record-log-key.ts'
import { mayRead, READ_RECORDS } from './reading.ts'
import { records, rows, state, states } from './records.ts'
import { startLoops } from './run.ts'
import { Holds } from './holds.ts'
import { Pauses } from './pauses.ts'
import { Running } from './running.ts'
import { self } from './self.ts'
import { readStopReport, StopReports } from './stop-reports.ts'
import { States } from './states.ts'
import { submit } from './submit.ts'
import { Turns } from './turns.ts'
import { verify } from './verify.ts'
import { why } from './why.ts'
import { createValidators } from '../application/validate.ts'
import type { Clock } from '../host/clock.ts'
import type { Position } from '../model/ids.ts'
import type { Random } from '../host/random.ts'
import { openIdentity } from '../identity/open.ts'
import type { Release } from '../model/manifest.ts'
import { openPolicy } from '../policy/open.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { FolderAuthoritySource } from '../warden/source.ts'

export interface EngineOptions {
  readonly dir: string
  /** Origin of the log: a name of this installation, e.g. `plinth.example/shop`. */
  readonly origin: string
  readonly release: Release
  /** Shared sandboxes outlive the engine; the release is loaded into it here. */
  readonly sandbox: Sandbox
  readonly authority: FolderAuthoritySource
  readonly clock: Clock
  readonly random: Random
  /** Folder of the key store of data subjects; default the data directory. */
  readonly keysDir?: string
  /** When the heads of all streams are stated; null or left out: never. */
  readonly heads?: HeadsOptions | null
  readonly acknowledgement?: AcknowledgementOptions
  /** Longest that a pause holds work back before it is refused; 0 refuses at once. */
  readonly pauseWaitMs?: number
  /** What anchors the log outside; a time authority among them also stands behind level `timestamped`. */
  readonly anchors?: readonly AnchorSetup[]
  /** Socket of the log's signer; null runs one in the committer's thread, which only tests want. */
  readonly signerSocket?: string | null
  /** Told when the signer does not answer in time. */
  readonly onSignerSilent?: () => void
  /** Told of what a loop could not do. */
  readonly onProblem: (what: string, error: unknown) => void
}

/** Longest that the engine's own first records may take; then starting fails. */
const START_TIMEOUT_MS = 30_000

/** @throws `data-directory-locked`, `storage-damaged`, `release-invalid`, `authority-invalid` */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { dir, origin, release, sandbox, authority, clock, random, onProblem } = options
  const startedAtMs = clock.nowMs()
  await using opened = new AsyncDisposableStack() // closes what is open when a later step fails
  const stop = new LogStop(dir)
  const { signerSocket = null, onSignerSilent = () => {}, keysDir = dir } = options
  const unguarded = opened.adopt(
    await openCommitter({
      ...{ dir, origin, clock, onSignerSilent, keysDir },
      ...(signerSocket === null ? {} : { signerSocket }),
    }),
    (one) => one.close(),
  )
  const committer = stop.guard(unguarded)
  const stored = opened.adopt(committer.reader(), (one) => one.close())
  const personal = openPersonal(keysDir, stored, unguarded, release.manifest, origin)
  if (personal !== null) {
    opened.defer(() => personal.keys.close())
    unguarded.sealWith(personal)
  }
  const reader = personal?.reader ?? stored
  await sandbox.load(release.id, release.bundle)
  opened.defer(() => sandbox.unload(release.id))
  await committer.declareReadModels({ ...release.manifest.readModels, ...ENGINE_READ_MODELS })
  const policy = opened.adopt(openPolicy({ source: authority, manifest: release.manifest }), (one) => one.close())
  const anchoring = openAnchoring({
    ...{ dir, anchors: options.anchors ?? [], latestCheckpoint: () => committer.checkpoint(), clock, onProblem },
  })
  opened.defer(() => anchoring.stop())
  const timestamps = timestampsOf(anchoring)
  const acknowledgement = opened.adopt(
    openAcknowledgement({
      ...{
        timestamps,
        ...options.acknowledgement,
        dir,
        stop,
        committer,
        reader,
        manifest: release.manifest,
        clock,
        onProblem,
      },
    }),
    (one) => one.close(),
  )
  const parts: Parts = {
    origin,
    release,
    validators: createValidators(release.manifest),
    authority,
    identity: openIdentity(authority, { clock }),
    policy,
    sandbox,
    reader,
    committer,
    acknowledgement,
    states: new States(reader, sandbox, committer, release.id),
    known: new KnownOperations(),
    history: new History(reader.head().recordedAtMs),
    flows: new Flows(release.manifest, reader),
    breakers: new Breakers(),
    waits: new Waits(),
    running: new Running(),
    pauses: new Pauses(options.pauseWaitMs),
    holds: new Holds(),
    turns: new Turns(),
    stops: new StopReports(),
    aside: new Aside(reader, committer, clock),
    anchoring,
    firstRecords: new FirstRecords(),
    personal,
    clock,
    random,
  }
  const { state: signing, signedSize } = committer.signing()
  // A crash has left records that nobody was told of, and that cannot be signed yet: what is read is under the checkpoint that it is answered with.
  if (signing === 'unconfirmed') parts.states.visible = Math.min(parts.states.visible, signedSize - 1) as Position
  const recalling = new AbortController()
  opened.defer(() => recalling.abort())
  parts.known
    .recall(reader, recalling.signal)
    .catch((error: unknown) => onProblem('reading the index of operations', error))
  if (personal !== null) await finishErasures(parts, personal, onProblem)
  await refuseOlder(parts, AbortSignal.timeout(START_TIMEOUT_MS))
  opened.defer(authority.onAdopt(async (snapshot) => void (await enforce(parts, snapshot)))) // first: none is missed in between
  opened.defer(
    authority.onLease(
      () => void adoptInCommitter(parts).catch((error: unknown) => onProblem('renewing the lease', error)),
    ),
  )
  await enforce(parts, authority.current())
  opened.defer(() => parts.stops.drained())
  const firstRecords = (): Promise<void> => recordFirst(parts, dir, onProblem)
  if (stop.mark !== null) {
    onProblem('the log is stopped', stopped(stop.mark))
    parts.firstRecords.skip()
  } else if (!(await parts.firstRecords.write(parts, firstRecords)))
    onProblem('changes wait, reading goes on', parts.firstRecords.obstacle(parts))
  await parts.breakers.restore(parts, AbortSignal.timeout(START_TIMEOUT_MS))
  await activate(parts, new AbortController().signal) // takes as long as there are rows to rebuild
  opened.defer(() => parts.running.drained())
  opened.defer(() => parts.pauses.close())
  const loops = startLoops(parts, firstRecords, onProblem)
  opened.defer(() => loops.stop())
  if (options.heads != null && stop.mark === null) {
    const heads = startHeads(parts, dir, options.heads, onProblem)
    opened.defer(() => heads.stop())
  }
  anchoring.start()
  const heldBack = <Answer>(signal: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> =>
    parts.pauses.heldBack(parts, signal, ask)
  const closing = opened.move()
  return {
    manifest: release.manifest,
    release,
    authenticate: (credentials, signal) => parts.identity.authenticate(credentials, signal),
    submit: (credentials, intent, signal) => heldBack(signal, () => submit(parts, credentials, intent, signal)),
    query: (credentials, request, signal) => heldBack(signal, () => query(parts, credentials, request, signal)),
    async surface(credentials, signal) {
      const principal = await parts.identity.authenticate(credentials, signal)
      const inScope = (actions: readonly string[]) =>
        actions.filter((action) => parts.policy.inScope(principal, action))
      return {
        commands: inScope(Object.keys(release.manifest.commands)),
        queries: inScope(Object.keys(release.manifest.queries)),
        engine: inScope([ATTEST, APPROVE, IMPORT, READ_RECORDS, ERASE]),
      }
    },
    attest: (credentials, run, facts, key, signal, acknowledge = null, agent = null) =>
      heldBack(signal, () => attest(parts, credentials, run, facts, key, acknowledge, signal, agent)),
    outcome: (credentials, operation, waitMs, signal, acknowledge = null) =>
      outcome(parts, credentials, operation, waitMs, acknowledge, signal),
    state: (credentials, entity, id, at, signal) => state(parts, credentials, entity, id, at, signal),
    states: (credentials, entity, page, at, signal) => states(parts, credentials, entity, page, at, signal),
    rows: (credentials, model, where, order, page, at, signal) =>
      rows(parts, credentials, model, where, order, page, at, signal),
    operations: (credentials, filter, page, signal) => operations(parts, credentials, filter, page, signal),
    why: (credentials, operation, signal) => why(parts, credentials, operation, signal),
    records: (credentials, from, limit, signal) => records(parts, credentials, from, limit, signal),
    effects: (credentials, filter, page, signal) => effects(parts, credentials, filter, page, signal),
    approvals: (credentials, filter, page, signal) => approvals(parts, credentials, filter, page, signal),
    approval: (credentials, id, signal) => approval(parts, credentials, id, signal),
    decideApproval: (credentials, decision, signature, signal, card = null, acknowledge = null) =>
      heldBack(signal, () => decideApproval(parts, credentials, { decision, signature, card }, acknowledge, signal)),
    giveGrant: (credentials, grant, signature, signal, acknowledge = null) =>
      heldBack(signal, () => giveGrant(parts, credentials, grant, signature, acknowledge, signal)),
    grants: (credentials, filter, page, signal) => grants(parts, credentials, filter, page, signal),
    withdrawGrant: (credentials, asked, signal, acknowledge = null) =>
      heldBack(signal, () => withdrawGrant(parts, credentials, asked, acknowledge, signal)),
    decideApprovals: (credentials, decisions, signal, acknowledge = null) =>
      heldBack(signal, () => decideApprovals(parts, credentials, decisions, acknowledge, signal)),
    async stopReport(credentials, id, signal) {
      await mayRead(parts, credentials, { kind: 'stops' }, { stopReport: id }, signal)
      return await readStopReport(parts, id, signal)
    },
    self: (credentials, signal) => self(parts, origin, startedAtMs, credentials, signal),
    checkpoint: () => committer.checkpoint(),
    witnessedCheckpoint: () => acknowledgement.witnessedCheckpoint(),
    acknowledgement: () => acknowledgementStatus(parts),
    consistency: (from, to) => committer.consistency(from, to),
    anchors: (credentials, page, signal) => anchors(parts, credentials, page, signal),
    anchorNow: (credentials, signal) => anchorNow(parts, credentials, signal),
    importRecords: (credentials, importer, source, onProgress, signal, acknowledge = null) =>
      importRecords(parts, credentials, importer, source, onProgress, acknowledge, signal),
    erase: (credentials, request, signal) => heldBack(signal, () => erase(parts, credentials, request, signal)),
    verify: (onProgress, signal) => verify({ ...parts, keys: personal?.keys ?? null }, onProgress, signal),
    letGo: () => parts.pauses.close(),
    close: () => closing.disposeAsync(),
  }
}

async function recordFirst(parts: Parts, dir: string, onProblem: EngineOptions['onProblem']): Promise<void> {
  const { position } = parts.reader.head()
  if (parts.states.visible < position) {
    parts.states.distrust()
    if (parts.personal !== null) await finishErasures(parts, parts.personal, onProblem)
  }
  await recordLogKey(parts) // the first record of a log names its key
  await recordAuthority(parts)
  await recordResumed(parts, dir)
  await recordWitnessPolicy(parts)
}
