/** Everything the path calls, made once at start. Only the engine knows all parts; the parts do not know each other. */
import type { Validators } from '../application/validate.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { Identity } from '../identity/identity.ts'
import type { Release } from '../model/manifest.ts'
import type { OpenPolicy } from '../policy/open.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { SideReader, StorageReader } from '../storage/storage.ts'
import type { FolderAuthoritySource } from '../warden/source.ts'
import type { Committer } from './committer/commit-request.ts'
import type { Acknowledgement } from './acknowledgement/acknowledgement.ts'
import type { Aside } from './aside.ts'
import type { History } from './history/history.ts'
import type { Breakers } from './breakers/breakers.ts'
import type { FirstRecords } from './first-records.ts'
import type { Flows } from './flows.ts'
import type { KnownOperations } from './known-operations.ts'
import type { StopReports } from './stop-reports.ts'
import type { Anchoring } from '../transparency-log/anchor/anchoring.ts'
import type { Personal } from './personal/personal.ts'
import type { Holds } from './holds.ts'
import type { Pauses } from './pauses.ts'
import type { Running } from './running.ts'
import type { Turns } from './turns.ts'
import type { States } from './states.ts'
import type { Waits } from './waits.ts'

export interface Parts {
  /** Of the log: names this system. */
  readonly origin: string
  readonly release: Release
  readonly validators: Validators
  readonly authority: FolderAuthoritySource
  readonly identity: Identity
  readonly policy: OpenPolicy
  readonly sandbox: Sandbox
  readonly reader: StorageReader & SideReader
  readonly committer: Committer
  readonly acknowledgement: Acknowledgement
  readonly states: States
  readonly history: History
  readonly known: KnownOperations
  readonly flows: Flows
  readonly breakers: Breakers
  readonly waits: Waits
  readonly running: Running
  readonly pauses: Pauses
  readonly holds: Holds
  readonly turns: Turns
  readonly aside: Aside
  readonly stops: StopReports
  readonly anchoring: Anchoring
  readonly firstRecords: FirstRecords
  /** Null: the application declares no personal data, and there is none from before. */
  readonly personal: Personal | null
  readonly clock: Clock
  readonly random: Random
}
