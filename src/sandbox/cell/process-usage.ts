/** CPU time and resident memory of another process, where the system shows them (Linux: /proc). */
import { readFileSync } from 'node:fs'

/** Linux counts CPU time of processes in ticks of 10 ms. */
const TICK_MS = 10
const PAGE_BYTES = 4_096

/** User and system time so far; null where it cannot be known. */
export function cpuMsOf(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The second field, the program's name, may hold blanks: fields are counted behind its closing bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** 0 where it cannot be known. */
export function rssBytesOf(pid: number): number {
  const statm = read(`/proc/${pid}/statm`)
  return statm === null ? 0 : Number(statm.split(' ')[1]) * PAGE_BYTES
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
