/** What a suite of measurements is: rows that say what is measured against what, and runs that yield their figures. */

export interface Target {
  readonly kind: 'at-least' | 'at-most'
  readonly value: number
}
export const atLeast = (value: number): Target => ({ kind: 'at-least', value })
export const atMost = (value: number): Target => ({ kind: 'at-most', value })

/** A peer or limit measured in the same run. The ratio is ours divided by theirs, run by run. */
export interface AgainstSpec {
  readonly what: string
  readonly figure: string
  /** For the ratio. */
  readonly target?: Target
}
export interface RowSpec {
  /** Stable name, e.g. `append-64`. */
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly figure: string
  /** For the figure itself. */
  readonly target?: Target
  readonly against?: readonly AgainstSpec[]
}

/** Numbers of one run by name. A figure that is not there was not measured. */
export type Figures = Readonly<Record<string, number>>

export interface OpenSuite {
  /** One run: every figure with its peers, next to each other in time. */
  run(): Promise<Figures>
  close(): Promise<void>
}
export interface Suite {
  readonly name: string
  readonly title: string
  /** How it is measured, for whoever reads the results. */
  readonly method: string
  readonly rows: readonly RowSpec[]
  open(bench: Bench): Promise<OpenSuite>
}

/** What a suite gets of the tool. */
export interface Bench {
  readonly sizes: Sizes
  /** Folder on the disk that is measured; removed at the end. */
  readonly scratch: string
  /** Why a figure is missing. */
  notMeasured(figure: string, why: string): void
  say(text: string): void
}

/** How much is measured. Only `full` figures are worth quoting. */
export interface Sizes {
  readonly name: 'full' | 'quick' | 'smoke'
  readonly runs: number
  /** One throughput measurement. */
  readonly measureMs: number
  readonly warmupMs: number
  readonly probeMs: number
  readonly peerAppends: number
  /** Repetitions of one operation whose latency is taken. */
  readonly repetitions: number
  readonly increments: number
  /** Calls measured on the retail application: each uses up an order. */
  readonly retailCalls: number
  /** Log sizes, in events, ascending. */
  readonly logEvents: readonly [small: number, middle: number, large: number]
  /** After a start, until nothing of it is still running. */
  readonly settleMs: number
  readonly rebuildEvents: number
}

export const FULL: Sizes = {
  name: 'full',
  runs: 3,
  measureMs: 3_000,
  warmupMs: 1_000,
  probeMs: 500,
  peerAppends: 600,
  repetitions: 2_000,
  increments: 1_000,
  retailCalls: 80,
  logEvents: [10_000, 100_000, 1_000_000],
  settleMs: 1_500,
  rebuildEvents: 100_000,
}
export const QUICK: Sizes = {
  ...FULL,
  name: 'quick',
  measureMs: 300,
  warmupMs: 150,
  probeMs: 100,
  peerAppends: 60,
  repetitions: 150,
  retailCalls: 20,
  logEvents: [2_000, 10_000, 50_000],
  rebuildEvents: 20_000,
}
/** For the test of the tool itself. */
export const SMOKE: Sizes = {
  ...QUICK,
  name: 'smoke',
  runs: 1,
  measureMs: 30,
  warmupMs: 10,
  probeMs: 10,
  peerAppends: 3,
  repetitions: 10,
  increments: 32,
  retailCalls: 2,
  logEvents: [100, 200, 400],
  settleMs: 0,
  rebuildEvents: 400,
}
