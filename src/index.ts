/** What an application may import from `plinth`: the words it is declared with. The only barrel of the code base. */
export {
  application,
  command,
  effect,
  entity,
  importer,
  invariant,
  money,
  query,
  readModel,
  words,
} from './application/declarations.ts'
export type {
  AnyApplication,
  AnyEntity,
  Application,
  Command,
  Effect,
  Entity,
  EntityId,
  Importer,
  Invariant,
  Query,
  ReadModel,
} from './application/declarations.ts'
export type {
  FoundRow,
  Pin,
  ReadTransaction,
  Refusal,
  RefusalDetail,
  StateOf,
  Transaction,
} from './application/transaction.ts'
