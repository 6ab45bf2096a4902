/** Every bound of the sandbox, with its unit and its reason. `SandboxStatus.limits` reports them under these names. */
export interface SandboxLimits {
  /** CPU time of one entry into decide or read. Entries end when code waits for reads, so waiting costs nothing. */
  readonly entryMs: number
  /** CPU time of one fold or mapRecords call: thousands of events are folded at once. */
  readonly bulkMs: number
  /** CPU time to evaluate a release. */
  readonly loadMs: number
  /** CPU time to describe an application: real schemas are built, without a JIT. */
  readonly describeMs: number
  /** Beyond a limit, before the process is killed: long entries have a timer of their own inside, which gets to act first. */
  readonly killGraceMs: number
  /** Wall time that an entry may take on a busy machine, as a multiple of its CPU limit. */
  readonly wallFactor: number
  /** Heap of one release in one cell. */
  readonly isolateMb: number
  /** Data segment of a cell process (RLIMIT_DATA): array buffers and big strings are outside V8's own limit. */
  readonly cellDataMb: number
  /** Resident memory at which a watched cell is killed: for systems without RLIMIT_DATA. */
  readonly cellRssMb: number
  /** Reads that one execution may ask for. */
  readonly reads: number
  /** Answer of decide or read, in UTF-8 bytes. */
  readonly outputBytes: number
  /** Answer of fold, mapRecords or describe, in UTF-8 bytes. */
  readonly bulkOutputBytes: number
  /** Nesting of anything that a cell answers. */
  readonly depth: number
  /** Executions that wait for a cell or are in one; more are turned away. */
  readonly executions: number
  /** Executions that one cell holds at once. */
  readonly perCell: number
  /** Times that an execution is started again because another one killed its cell. */
  readonly tries: number
}

export const DEFAULT_LIMITS: SandboxLimits = {
  entryMs: 50,
  bulkMs: 1_000,
  loadMs: 1_000,
  describeMs: 10_000,
  killGraceMs: 20,
  wallFactor: 20,
  isolateMb: 48,
  cellDataMb: 400,
  cellRssMb: 320,
  reads: 1_000,
  outputBytes: 1 << 20,
  bulkOutputBytes: 16 << 20,
  depth: 64,
  executions: 10_000,
  perCell: 256,
  tries: 6,
}
