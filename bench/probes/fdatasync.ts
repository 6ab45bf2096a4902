/** What the disk does right now: small synchronous writes, one after the other, to a growing file and over space that is written already. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { quantile } from '../measure/statistics.ts'

const BLOCK_BYTES = 4_096
const PREWRITTEN_BLOCKS = 1_024

export interface SyncRate {
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
}

/** `growing` is what a log does; `overwriting` is what a kept write-ahead log does. */
export function syncRate(folder: string, kind: 'growing' | 'overwriting', forMs: number): SyncRate {
  const path = join(folder, `probe-${kind}`)
  const file = openSync(path, 'w')
  const block = Buffer.alloc(BLOCK_BYTES, 'x')
  try {
    if (kind === 'overwriting') {
      writeSync(file, Buffer.alloc(BLOCK_BYTES * PREWRITTEN_BLOCKS, 'y'), 0, BLOCK_BYTES * PREWRITTEN_BLOCKS, 0)
      fdatasyncSync(file)
    }
    const samples: number[] = []
    const startedMs = performance.now()
    for (let nowMs = startedMs; nowMs < startedMs + forMs;) {
      const place = kind === 'growing' ? samples.length : samples.length % PREWRITTEN_BLOCKS
      writeSync(file, block, 0, BLOCK_BYTES, place * BLOCK_BYTES)
      fdatasyncSync(file)
      const afterMs = performance.now()
      samples.push((afterMs - nowMs) * 1000)
      nowMs = afterMs
    }
    const perSecond = (samples.length * 1000) / (performance.now() - startedMs)
    return { perSecond, p50Us: quantile(samples, 0.5), p99Us: quantile(samples, 0.99) }
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
