/**
 * The part of the heap where what is made is at first. It doubles whenever much of it survives, and reading a log from end to end, a page at a time,
 * fills whatever it is given: hundreds of megabytes for what is never needed again.
 */
import { setFlagsFromString } from 'node:v8'

/** For a process that reads through much and keeps little. Threads that it starts hold to it too. Without effect on what is computed. */
export const keepYoungGenerationSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1')
