/** All routes of the door: the router finds them, the OpenAPI document lists them. */
import type { Route } from './route.ts'
import { anchorNow, listAnchors } from './routes/anchors.ts'
import {
  decideApproval,
  decideApprovals,
  getApproval,
  giveGrant,
  listApprovals,
  listGrants,
  withdrawGrant,
} from './routes/approvals.ts'
import { attestRun, submitCommand } from './routes/commands.ts'
import { listEffects } from './routes/effects.ts'
import { eraseSubject } from './routes/erasures.ts'
import { getOperation, getOutcome, listOperations, whyOperation } from './routes/operations.ts'
import { getQuery, postQuery } from './routes/queries.ts'
import { getEntity, listEntities, listRows } from './routes/states.ts'
import { getStopReport } from './routes/switches.ts'
import {
  getCheckpoint,
  getConsistency,
  getOpenApi,
  getSelf,
  getWitnessedCheckpoint,
  listRecords,
} from './routes/system.ts'

/** A function, because the document that one of the routes answers is made from this list. */
export const allRoutes = (): readonly Route[] => [
  submitCommand,
  postQuery,
  getQuery,
  attestRun,
  eraseSubject,
  listOperations,
  getOperation,
  getOutcome,
  whyOperation,
  listEntities,
  getEntity,
  listRows,
  listEffects,
  listApprovals,
  getApproval,
  decideApproval,
  decideApprovals,
  giveGrant,
  listGrants,
  withdrawGrant,
  getStopReport,
  listRecords,
  getCheckpoint,
  getWitnessedCheckpoint,
  getConsistency,
  listAnchors,
  anchorNow,
  getSelf,
  getOpenApi,
]
