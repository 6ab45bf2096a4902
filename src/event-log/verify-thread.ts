/** A thread that verifies stretches of the log through a reader of its own. */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import type { StorageReader } from '../storage/storage.ts'
import { verifyChunk } from './verify-chunk.ts'
import type { Stretch } from './verify-chunks.ts'

assert(parentPort !== null)
const port = parentPort
const { module, open, argument } = workerData as NonNullable<StorageReader['elsewhere']>
const { [open]: openReader } = (await import(module)) as Record<string, (argument: string) => StorageReader>
assert(openReader !== undefined)
const reader = openReader(argument)

port.on('message', ({ place, stretch }: { readonly place: number; readonly stretch: Stretch }) => {
  const chunk = verifyChunk(reader, stretch.from, stretch.to, stretch.rootAt)
  let step = chunk.next()
  while (step.done !== true) step = chunk.next()
  port.postMessage({ place, report: step.value })
})
