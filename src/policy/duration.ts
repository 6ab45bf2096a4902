/** Durations as policy files write them: a whole number and a unit. */

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `90s`, `15m`, `72h`, `30d` in milliseconds; null for anything else. */
export function durationMs(text: string): number | null {
  const [, digits, unit] = /^([1-9][0-9]{0,6})([smhd])$/.exec(text) ?? []
  if (digits === undefined || unit === undefined) return null
  return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS]
}
