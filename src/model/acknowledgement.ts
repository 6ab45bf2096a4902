/**
 * How much stands behind an answer that says `committed`. Each level holds all before it.
 *
 * `durable`: on the disk of this system. `signed`: under a checkpoint that the log has signed; every commit is, so this is the least that an
 * answer ever means. `witnessed`: under a checkpoint that a quorum of witnesses has cosigned: the log cannot take it back without leaving proof.
 * `timestamped`: under a witnessed checkpoint that a time authority has stamped.
 */
export const LEVELS = ['durable', 'signed', 'witnessed', 'timestamped'] as const
export type Level = (typeof LEVELS)[number]

/** What is asked for when nobody asks for more. */
export const DEFAULT_LEVEL: Level = 'signed'

/**
 * Of the engine's own actions, those that are answered at more, as far as the system at hand has the means: what a person has decided binds others, and
 * what is erased is gone.
 */
export const ENGINE_LEVELS: Readonly<Record<string, Level>> = {
  'plinth.approve': 'witnessed',
  'plinth.erase': 'timestamped',
}

export const isLevel = (value: unknown): value is Level => LEVELS.some((level) => level === value)

/** True when standing at `reached` is as good as standing at `asked`. */
export const reaches = (reached: Level, asked: Level): boolean => LEVELS.indexOf(reached) >= LEVELS.indexOf(asked)

/** The highest of those asked for; who asks for nothing is passed over. */
export function highest(...asked: readonly (Level | null | undefined)[]): Level {
  let level = DEFAULT_LEVEL
  for (const one of asked) if (one !== null && one !== undefined && reaches(one, level)) level = one
  return level
}
