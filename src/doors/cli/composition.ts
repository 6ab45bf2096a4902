/** What the command line needs built for it. `src/main.ts` supplies it, loading each part only when it is asked for. */
import type { AdmissionsReport, PolicyTestReport, ReachReport, ReplayReport } from '../../engine/audit/report.ts'
import type { VerifyReport } from '../../engine/engine.ts'
import type { StopMark } from '../../model/log-stop.ts'
import type { Release } from '../../model/manifest.ts'

export interface StartOptions {
  /** Data directory; made when it is not there. */
  readonly dir: string
  /** The application's module: a file, or a folder with an `index.ts`. */
  readonly application: string
  readonly host: string
  /** 0 lets the system choose; null takes the usual one, or any when that is taken. */
  readonly port: number | null
  /** Folder whose `db/*.jsonl` is imported at first start, instead of what the application's own `generate.ts` makes. */
  readonly data: string | null
  /** How often the heads of all streams are stated; null is the usual, 0 never. */
  readonly headsEveryMs?: number | null
  /** tlog-policy file; without one, nothing is acknowledged as witnessed. */
  readonly witnessPolicy?: string | null
  /** Longest that a pause holds work back; null is the usual. */
  readonly pauseWaitMs?: number | null
  /** File of anchors; without one, `anchors.json` of the data directory when it is there. */
  readonly anchors?: string | null
  /** Folder of the key store of data subjects; null is the data directory. */
  readonly subjectKeys?: string | null
  /** Where the warden is: its directory, or the address of its read-only door. Null: in the data directory. `none`: nobody renews a lease. */
  readonly warden?: string | null
  /** The signer's directory or socket; null: `signer` in the data directory. */
  readonly signer?: string | null
  /** For its first start: references of the log's first key and of the one that may follow; null makes files. */
  readonly logKey?: string | null
  readonly nextLogKey?: string | null
  /** User id that the warden's process gets, where we may choose; null is our own. */
  readonly wardenUser?: number | null
  readonly talk: (line: string) => void
}

/** What a started system tells whoever started it. */
export interface RunningSystem {
  readonly application: string
  readonly release: string
  readonly dir: string
  readonly url: string
  readonly mcpUrl: string
  readonly firstStart: boolean
  /** Log position, -1 when empty. */
  readonly position: number
  readonly sandbox: { readonly level: string; readonly jail: string; readonly howToRaise: string | null }
  /** What the first data held, by importer. */
  readonly counts: Readonly<Record<string, number>>
  readonly agent: { readonly principal: string; readonly key: string }
  readonly operator: { readonly principal: string; readonly key: string }
  /** Commands worth trying, each known to work on this system. */
  readonly tryNext: readonly string[]
  /** Stops taking work, finishes what runs, closes the data directory. */
  close(): Promise<void>
}

export interface Workshop {
  /** @throws `release-invalid` */
  build(application: string): Promise<Release>
  /** Starts the application as this release of it. @throws as `Composition.start` */
  start(options: StartOptions, release: Release): Promise<RunningSystem>
  close(): Promise<void>
}

export interface ExportedLog {
  readonly file: string
  readonly records: number
  readonly bytes: number
  readonly rootHash: string
  /** Null for a form that names no root. */
  readonly matchesCheckpoint: boolean | null
}

export interface AuditOptions {
  /** Data directory; not looked at when there is a bundle. */
  readonly dir: string
  /** File of an exported bundle. */
  readonly bundle: string | null
  /** File with the operators' public key, kept elsewhere. */
  readonly rootKey: string | null
  /** Folder of the keys of data subjects; left out or null: the data directory. */
  readonly subjectKeys?: string | null
  /** @param of null when that is not known beforehand */
  readonly onProgress: (records: number, of: number | null) => void
}

export interface StreamProof {
  readonly file: string
  readonly stream: string
  /** 0 when the stream is not there. */
  readonly events: number
  /** Position that the statement is for, and how many streams there were. */
  readonly asOf: number
  readonly streams: number
}

export interface WitnessOptions {
  readonly dir: string
  readonly port: number
  readonly name: string | null
  readonly host: string | null
  readonly logVkeys: readonly string[]
  readonly logs: readonly string[]
  readonly floors: readonly string[]
  /** Told of what its operator should know. */
  readonly onEvent: (line: { readonly kind: string } & Readonly<Record<string, unknown>>) => void
}
export interface RunningWitness {
  readonly url: string
  readonly vkey: string
  readonly origins: readonly string[]
  close(): Promise<void>
}

export interface RunningWarden {
  /** Where its operator door is. */
  readonly at: { readonly socket: string } | { readonly port: number }
  /** Address of its read-only door, when it has one. */
  readonly url: string | null
  readonly snapshot: number
  readonly rootKey: string
  close(): Promise<void>
}

export interface RotateOptions {
  /** Reference of the key behind the next; null makes a file. */
  readonly nextKey: string | null
  /** False only shows the key that follows. */
  readonly release: boolean
  /** The signer's directory or socket; null: `signer` in the data directory. */
  readonly signer: string | null
}
export interface RotatedKey {
  /** Public keys before and after, and the digest of the one behind. */
  readonly before: string
  readonly after: string
  readonly next: string
  /** Whether a running system has recorded it and signs with it. */
  readonly inForce: boolean
}
export interface RecoverOptions {
  /** One line; goes on record, signed. */
  readonly reason: string
  /** tlog-policy file, whose witnesses are asked what they have seen; null asks nobody. */
  readonly witnessPolicy: string | null
  /** The signer's directory; null: `signer` in the data directory. */
  readonly signer: string | null
}
/** A log that goes on in a new epoch. */
export interface RecoveredLog {
  readonly origin: string
  readonly vkey: string
  /** Of its first own record. */
  readonly position: number
  readonly previous: { readonly origin: string; readonly size: number; readonly rootHash: string }
  readonly kept: { readonly size: number; readonly rootHash: string }
  readonly reason: string
}
export interface CompleteOptions extends Pick<RecoverOptions, 'witnessPolicy' | 'signer'> {
  /** An exported log, of either form, that holds what is missing. */
  readonly file: string
}
/** A log that has its end again, as far as it was found. */
export interface CompletedLog {
  /** Records that were here before. */
  readonly had: number
  /** Records that are here now, and the root over them: both signed by this log. */
  readonly size: number
  readonly rootHash: string
  /** Records that have been signed: more than `size` when some are missing still. */
  readonly signed: number
}
export interface WrittenKeys {
  readonly file: string
  /** Oldest first; each signs checkpoints of sizes above `after`. */
  readonly keys: readonly { readonly vkey: string; readonly after: number }[]
}

type Files = Readonly<Record<string, string>>
type OnProgress = AuditOptions['onProgress']

export interface ReplayOptions {
  readonly dir: string
  /** Policies to try, by file name. */
  readonly files: Files
  readonly sinceMs: number
  /** Flips on the page, and how many come before it. */
  readonly limit: number
  readonly skip: number
  readonly onProgress: OnProgress
}
export interface ReachOptions {
  readonly dir: string
  readonly principal: string
  readonly at: { readonly position: number } | { readonly timeMs: number } | null
  readonly onProgress: OnProgress
}
export interface PolicyTestOptions {
  readonly folder: string
  readonly files: Files
  /** Texts of case files, by name. */
  readonly cases: Files
  /** Null takes the application that the folder lies in, or the one here. */
  readonly application: string | null
}

export interface Composition {
  readonly logKeys: {
    /** @throws `usage`, `log-key-invalid`, `signer-unavailable`, `data-directory-locked` */
    rotate(dir: string, options: RotateOptions): Promise<RotatedKey>
    /** Opens the next epoch of a log, of which not all that was signed is there any more. @throws `log-recovery-refused` and others */
    recover(dir: string, options: RecoverOptions): Promise<RecoveredLog>
    /** Writes what a restored log is missing from an exported one, as far as that was signed. @throws `log-recovery-refused` and others */
    complete(dir: string, options: CompleteOptions, signal: AbortSignal): Promise<CompletedLog>
    /** Writes the keys with their records to a new file; `checkpoint` as for `exportLog`. */
    write(dir: string, file: string, checkpoint: string | null): Promise<WrittenKeys>
  }
  /** @throws `usage`, `witness-fault`, `data-directory-locked` */
  witness(options: WitnessOptions): Promise<RunningWitness>
  /** Whether the log of a data directory is stopped, and letting it go on. */
  readonly logStop: {
    read(dir: string): Promise<StopMark | null>
    resume(dir: string, by: string, reason: string): Promise<void>
  }
  /** @throws `warden-unavailable`, `storage-damaged`, `usage` */
  startWarden(
    dir: string,
    publishDir: string,
    serve: string | null,
    onProblem: (what: string, error: unknown) => void,
  ): Promise<RunningWarden>
  /** @throws `release-invalid`, `data-directory-locked`, `usage` */
  start(options: StartOptions): Promise<RunningSystem>
  /** @throws `release-invalid` */
  buildRelease(application: string): Promise<Release>
  /** The release that a data directory ran last. @throws `release-invalid` */
  lastRelease(dir: string): Promise<Release>
  /** One sandbox for building and running again and again. */
  workshop(): Promise<Workshop>
  /** What is wrong with policy files, against the application that the data directory runs; empty when nothing is. */
  policyFaults(files: Readonly<Record<string, string>>, dir: string): Promise<readonly string[]>
  /** Writes the log to a new file; `checkpoint` as the door gives it, null for the stored one. */
  exportLog(dir: string, file: string, format: 'bundle' | 'jsonl', checkpoint: string | null): Promise<ExportedLog>
  /** Puts a log of JSON lines into a directory that holds none; `root` must come out when it is given. */
  importLog(
    dir: string,
    file: string,
    root: string | null,
    signal: AbortSignal,
  ): Promise<{ readonly records: number; readonly origin: string; readonly rootHash: string }>
  /** Writes what shows one stream, whole, to a new file; `checkpoint` as for `exportLog`. */
  streamProof(dir: string, stream: string, file: string, checkpoint: string | null): Promise<StreamProof>
  /** Audits a data directory from its files; `keyFile` is the log's public key, kept elsewhere. */
  verifyOffline(
    dir: string,
    keyFile: string | null,
    onProgress: (done: number, total: number) => void,
    signal: AbortSignal,
    subjectKeys?: string | null,
  ): Promise<VerifyReport>
  /** Re-evaluates every admission from records, snapshots and manifests alone. */
  audit(options: AuditOptions, signal: AbortSignal): Promise<AdmissionsReport>
  policyReplay(options: ReplayOptions, signal: AbortSignal): Promise<ReplayReport>
  policyTest(options: PolicyTestOptions): Promise<PolicyTestReport>
  reach(options: ReachOptions, signal: AbortSignal): Promise<ReachReport>
}
