/** Every suite, in the order in which they run and are shown. */
import type { Suite } from '../measure/suite.ts'
import { admission } from './admission.ts'
import { append } from './append.ts'
import { erase } from './erase.ts'
import { governedCall } from './governed-call.ts'
import { growth } from './growth.ts'
import { hotKey } from './hot-key.ts'
import { proofs } from './proofs.ts'
import { retail } from './retail.ts'
import { sandbox } from './sandbox.ts'
import { storage } from './storage.ts'
import { stop } from './stop.ts'
import { trust } from './trust.ts'
import { witness } from './witness.ts'

export const SUITES: readonly Suite[] = [
  append,
  storage,
  hotKey,
  governedCall,
  retail,
  sandbox,
  admission,
  stop,
  trust,
  witness,
  proofs,
  erase,
  growth,
]
