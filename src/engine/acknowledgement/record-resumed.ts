/** That an operator has looked at a stop and let the log go on is a fact of the log: recorded once, at the first start after it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { streamId } from '../../model/ids.ts'
import { LOG } from '../engine-streams.ts'
import type { Parts } from '../parts.ts'
import { recordOnce } from '../record-once.ts'
import { EVIDENCE_FOLDER, resumedFact, type Resumed } from './log-stop.ts'

/** Of the newest; a system that was stopped more often than this has other cares. */
const FILES_MAX = 100

export async function recordResumed(parts: Parts, dir: string): Promise<void> {
  const folder = join(dir, EVIDENCE_FOLDER)
  if (!existsSync(folder)) return
  const files = readdirSync(folder).filter((name) => /^resumed-[0-9]+\.json$/.test(name))
  for (const file of files.sort().slice(-FILES_MAX)) {
    const resumed = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Resumed
    const stream = streamId(LOG, 'stops')
    await recordOnce(parts, stream, 'plinth.resume-log', `log:${file}`, 'resumed', resumedFact(resumed))
  }
}
