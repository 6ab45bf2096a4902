/**
 * For a process that reads through much and keeps little. A heap grows to several times what is alive in it before it is looked through; its young part
 * doubles whenever much of it survives, as a page of records does: hundreds of megabytes for what is never needed again.
 */
import { setFlagsFromString } from 'node:v8'

/** Threads that it starts hold to it too. Collecting takes more of its time; nothing else changes. */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=50')
}
