/** Verifies the log of a directory in a process of its own, and says how much memory that took at most. */
import { verifySeconds } from './log-hashing.ts'
import { keepHeapSmall } from '../../src/host/small-heap.ts'

const BYTES_PER_KIB = 1_024

keepHeapSmall() // as \`plinth verify\` does
const verified = await verifySeconds(process.argv[2] ?? '')
process.stdout.write(JSON.stringify({ ...verified, maxBytes: process.resourceUsage().maxRSS * BYTES_PER_KIB }))
