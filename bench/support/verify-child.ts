/** Verifies the log of a directory in a process of its own, and says how much memory that took at most. */
import { readFileSync } from 'node:fs'
import { verifySeconds } from './log-hashing.ts'
import { keepHeapSmall } from '../../src/host/small-heap.ts'

const BYTES_PER_KIB = 1_024

keepHeapSmall() // as \`plinth verify\` does
const verified = await verifySeconds(process.argv[2] ?? '')
process.stdout.write(JSON.stringify({ ...verified, maxBytes: mostResidentKib() * BYTES_PER_KIB }))

/** Of this program alone: what `resourceUsage` says counts the one that started it, too, which is still there when it is started. */
function mostResidentKib(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  } catch {
    return process.resourceUsage().maxRSS // another system than Linux
  }
}
