/** What the looks back say: the shapes that the command line prints, and its `--json` documents hold. Contract with the doors. */

import type { Json } from '../../model/json.ts'
export interface GivenVerdict {
  readonly verdict: 'admitted' | 'held' | 'denied' | 'out-of-scope' | 'none'
  readonly rules: readonly string[]
}

/** An admission that does not come out as it was recorded. */
export interface Disagreement {
  /** Null for what is not in the log: a denial or a read kept beside it, or the evidence as a whole. */
  readonly position: number | null
  readonly operation: string | null
  readonly actor: string | null
  readonly action: string | null
  readonly recorded: GivenVerdict | null
  /** Null when nothing could be evaluated. */
  readonly derived: GivenVerdict | null
  readonly why: string
}
export interface AdmissionsReport {
  /** Operations of the log that rest on an admission, or should. */
  readonly admissions: number
  readonly agreed: number
  /** Admissions that come out neither way: what they would be derived from is sealed, gone or not at hand. `notChecked` says which. */
  readonly unchecked: number
  /** The first that do not, in order of the log; `disagreedCount` is of all. Also what is no admission, or not of the log (`position` null). */
  readonly disagreed: readonly Disagreement[]
  readonly disagreedCount: number
  readonly records: number
  /** Denials and reads beside the log, evaluated again from their records; null where the evidence has none. */
  readonly beside: { readonly verdicts: number; readonly agreed: number } | null
  readonly notChecked: readonly string[]
}

/** What a changed policy set would have said of one operation of the past. */
export interface Flip {
  /** Null for a denial or a read, which are kept beside the log. */
  readonly position: number | null
  readonly operation: string | null
  readonly actor: string
  readonly action: string
  readonly run: string | null
  readonly atMs: number
  readonly was: GivenVerdict
  readonly would: GivenVerdict & { readonly requires: readonly string[] }
  /** What it did and would not have done, or would have done and did not. */
  readonly change: {
    readonly kind: 'would-not-have-happened' | 'would-have-happened' | 'would-have-waited' | 'none'
    readonly events: readonly string[]
    readonly streams: readonly string[]
    readonly effects: readonly string[]
  }
  /**
   * False behind the first flip of its run, and for what read something that would have been different: a model would have seen other answers, and
   * may have called something else.
   */
  readonly predictable: boolean
}
/** Where the prediction for a run ends, and by which operation. */
export interface PredictionEnd {
  readonly run: string | null
  readonly operation: string | null
  readonly position: number | null
  readonly because: 'first-flip-of-its-run' | 'read-what-would-differ'
  /** Operations of the run, or resting on what differs, that come after. */
  readonly after: number
}
export interface DifferingStream {
  readonly stream: string
  readonly missing: number
  readonly besides: number
  /** Versions of the events that would be missing; the first thousand. */
  readonly without: readonly number[]
  /** False when something that rests on what differs wrote to it later: what that would have written nobody knows. */
  readonly predictable: boolean
  /**
   * State now, and as it would be without those events and with all others; null for one that would not be there. Left out where events would be there
   * besides, whose contents are not on record, and where it cannot be folded.
   */
  readonly states?: { readonly now: Json; readonly then: Json }
}
export interface ReplayReport {
  readonly policySet: string
  readonly sinceMs: number
  /** Verdicts in that time that were asked for again: of the log, and of denials and reads beside it. */
  readonly verdicts: number
  readonly flipped: number
  /** Flips whose run had not flipped before and which read nothing that would differ: these are certain. */
  readonly certain: number
  readonly flips: readonly Flip[]
  /** Where the next page begins; null at the end. */
  readonly next: string | null
  /** Streams that would stand otherwise, with the events that would be missing or be there besides: of certain flips alone. */
  readonly streams: readonly DifferingStream[]
  readonly streamsMore: number
  readonly ends: readonly PredictionEnd[]
  readonly endsMore: number
  readonly notChecked: readonly string[]
}

/** One action that there is, what a principal could do with it, and what it did. */
export interface ActionReach {
  readonly action: string
  readonly group: string
  readonly could: 'always' | 'never' | 'depends'
  /** Whether the action exists for it at all. */
  readonly inScope: 'true' | 'false' | 'unknown'
  /** Rules that settle it, where it is settled. */
  readonly by: readonly string[]
  readonly on: readonly {
    readonly rule: string
    readonly effect: 'permit' | 'forbid'
    readonly hold: string | null
    readonly text: string
  }[]
  readonly did: {
    readonly committed: number
    readonly held: number
    readonly denied: number
    readonly refused: number
    readonly read: number
    readonly lastAtMs: number | null
  }
}
export interface ReachReport {
  readonly principal: string
  readonly principalKind: string
  readonly roles: readonly string[]
  readonly revoked: boolean
  readonly position: number
  readonly snapshot: number
  readonly release: string
  readonly actions: readonly ActionReach[]
  /** Permits that could let it do something, with the actions they let it do and those it has done under them. */
  readonly grants: readonly {
    readonly rule: string
    readonly file: string
    readonly actions: readonly string[]
    readonly used: readonly string[]
  }[]
  /** Switches that were on then and reach it, whatever it asks for. */
  readonly switches: readonly { readonly id: string; readonly action: string; readonly reason: string }[]
  /** A policy file that takes away what it has not used; null when there is nothing to take away. */
  readonly narrower: { readonly file: string; readonly text: string; readonly removes: readonly string[] } | null
  readonly method: string
  readonly notChecked: readonly string[]
}

export interface PolicyTestReport {
  readonly cases: number
  readonly passed: number
  readonly failed: readonly {
    readonly file: string
    readonly name: string
    readonly expected: { readonly verdict: string; readonly rules: readonly string[] | null }
    readonly got: { readonly verdict: string; readonly rules: readonly string[] } | null
    readonly errors: readonly string[]
  }[]
  readonly faults: readonly string[]
  readonly policies: number
  readonly uncovered: readonly string[]
}
