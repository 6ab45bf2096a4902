/** A thread that follows the log for the tree over stream heads, when it is asked to. It reads through a connection of its own and never writes the log. */
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { HeadsFollower } from './follow.ts'
import type { HeadsReply } from './state-heads.ts'
import { Problem } from '../../model/problems.ts'
import { openHeadsFile } from '../../storage/sqlite/heads-file.ts'
import { openSqliteReader } from '../../storage/sqlite/reader.ts'

assert(parentPort !== null)
const port = parentPort
const { dir } = workerData as { readonly dir: string }
const reader = openSqliteReader(dir)
const file = openHeadsFile(dir)
let follower: HeadsFollower | null = null

port.on('message', (what: 'state' | 'close') => {
  if (what === 'state') void state()
  else {
    reader.close()
    file.close()
    port.close()
  }
})

async function state(): Promise<void> {
  let reply: HeadsReply
  try {
    follower ??= new HeadsFollower(reader, file)
    let statement = follower.advance()
    while (statement === null) {
      await setImmediate()
      statement = follower.advance()
    }
    reply = { kind: 'stated', statement }
  } catch (error) {
    reply = { kind: 'failed', what: error instanceof Problem ? error.detail : String(error) }
  }
  port.postMessage(reply)
}
