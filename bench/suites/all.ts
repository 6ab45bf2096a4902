/** Every suite, in the order in which they run and are shown. */
import type { Suite } from '../measure/suite.ts'
import { append } from './append.ts'
import { governedCall } from './governed-call.ts'
import { retail } from './retail.ts'

export const SUITES: readonly Suite[] = [append, governedCall, retail]
