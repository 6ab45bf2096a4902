/** What crosses between the committer's client and its thread. Plain data; problems travel as their members. */
import type { Position, PrincipalId } from '../../model/ids.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import { Problem, type ProblemCode } from '../../model/problems.ts'
import type { Limit } from '../../policy/limits.ts'
import type { DerivedStream, SideRecord, Snapshot } from '../../storage/storage.ts'
import type { Synchronous } from '../../storage/sqlite/database.ts'
import type { CommitRequest } from './commit-request.ts'
import type { CommitAnswer } from './committer-core.ts'
import type { Levers } from './judge-levers.ts'
import type { ProofPath } from './proof-path.ts'
import type { SigningState } from './signing-state.ts'

export interface WorkerOptions {
  readonly dir: string
  readonly origin: string
  readonly vkeyPath: string
  /** The signer's socket, or the directory of one that runs in the thread itself: for tests, whose everyday runs it keeps fast. */
  readonly signer: { readonly kind: 'socket'; readonly path: string } | { readonly kind: 'here'; readonly dir: string }
  readonly synchronous: Synchronous
  /** Folder of the keys of data subjects: what is sealed is counted by limits, too. */
  readonly keysDir: string
}

export type Call =
  | {
      readonly kind: 'adopt-epochs'
      readonly snapshot: number
      readonly epochs: ReadonlyMap<PrincipalId, number>
      readonly levers: Levers
    }
  | { readonly kind: 'adopt-limits'; readonly limits: readonly Limit[] }
  | { readonly kind: 'declare'; readonly models: Readonly<Record<string, ReadModelManifest>> }
  | { readonly kind: 'derived'; readonly derived: DerivedStream }
  | { readonly kind: 'receipt'; readonly position: Position }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'consistency'; readonly from: number; readonly to: number }
  | { readonly kind: 'checkpoint-over'; readonly position: Position }
  | { readonly kind: 'signer' }
  | { readonly kind: 'close' }

/** To the thread. Numbers are the client's, and come back with the answer. */
export interface Mail {
  /** The client's clock, so that a simulated one is recorded too. */
  readonly nowMs: number
  readonly commits: readonly { readonly number: number; readonly request: CommitRequest }[]
  readonly calls: readonly { readonly number: number; readonly call: Call }[]
  readonly side: readonly SideRecord[]
  readonly snapshots: readonly Snapshot[]
}

export interface ProblemMessage {
  readonly code: ProblemCode
  readonly detail: string
  readonly members: JsonObject
  readonly cause: string
}
/** What became of a commit, without the checkpoint that its batch has in common. */
export type CommitReply =
  | Exclude<CommitAnswer, { kind: 'failed' | 'committed' }>
  | (Omit<Extract<CommitAnswer, { kind: 'committed' }>, 'line'> & { readonly proven: ProofPath })
export type Reply =
  | { readonly number: number; readonly kind: 'answered'; readonly answer: CommitReply }
  | { readonly number: number; readonly kind: 'done'; readonly value: unknown }
  | { readonly number: number; readonly kind: 'failed'; readonly problem: ProblemMessage }

/** From the thread: first `ready`, then replies, many in one message, and now and then how the signing is doing. */
export type ThreadMessage =
  | { readonly kind: 'ready'; readonly signing: SigningState }
  | { readonly kind: 'not-ready'; readonly problem: ProblemMessage }
  | { readonly kind: 'signing'; readonly state: SigningState }
  /** The signer has not answered in time. */
  | { readonly kind: 'signer-silent' }
  /** Records beside the log that found no room, or could not be written: all since the start. */
  | { readonly kind: 'side-lost'; readonly count: number }
  | { readonly kind: 'replies'; readonly replies: readonly Reply[]; readonly checkpoint: string }

export const problemMessage = (error: unknown): ProblemMessage =>
  error instanceof Problem
    ? { code: error.code, detail: error.detail, members: error.members, cause: String(error.cause ?? '') }
    : {
        code: 'bug',
        detail: 'the committer failed',
        members: {},
        cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }

export const problemFrom = ({ code, detail, members, cause }: ProblemMessage): Problem =>
  new Problem(code, detail, members, cause === '' ? undefined : cause)
