/** The mark of a stopped log, as the command line meets it. */
import { readMark, resumeLog, type Resumed } from '../engine/acknowledgement/log-stop.ts'
import { systemClock } from '../host/clock.ts'
import type { StopMark } from '../model/log-stop.ts'

export const read = (dir: string): StopMark | null => readMark(dir)

export const resume = (dir: string, by: string, reason: string): Resumed | null =>
  resumeLog(dir, by, reason, systemClock.nowMs())
