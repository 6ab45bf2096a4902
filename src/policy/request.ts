/** What is asked → the request that Cedar evaluates, and back from its recorded form. */
import type { AdmissionRequest } from '../model/admission.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'
import { formatUid, parseUid, type CedarRequest, type Entity, type EntityUid } from './cedar.ts'
import { ContextError, contextValue } from './context-type.ts'
import type { AdmitRequest } from './policy.ts'
import { PRINCIPAL_TYPES, type PolicySchema } from './schema.ts'

/** @throws ContextError when what is asked has no form in the schema */
export function cedarRequest(schema: PolicySchema, asked: AdmitRequest): CedarRequest {
  const action = schema.actions.get(asked.action)
  if (action === undefined) throw new ContextError(`there is no action \`${asked.action}\``)
  const { impact } = asked
  const context: JsonObject = {
    input: asked.input,
    ...(asked.facts === null ? {} : { facts: asked.facts }),
    ...(impact === null
      ? {}
      : {
          impact: {
            events: impact.events,
            streams: impact.streams.length,
            effects: impact.effects,
            irreversible: impact.irreversible,
          },
        }),
    ...(asked.history === undefined || asked.history === null ? {} : { ...asked.history }),
    ...(asked.flow ? { flow: { ...asked.flow } } : {}),
    attested: asked.attested,
    approvals: [...new Set(asked.approvals.map(({ role }) => role))].sort(),
  }
  const principal = principalEntity(asked.principal)
  const resource = resourceEntity(schema, asked.resource)
  return {
    principal: principal.uid,
    action: { type: 'Action', id: asked.action },
    resource: resource.uid,
    context: contextValue(action.context, context, 'context') as JsonObject,
    entities: [principal, resource, ...agentsAbove(asked.principal)],
  }
}

/** At the time of scope only who and what is known, about the application as a whole. */
export function scopeRequest(schema: PolicySchema, principal: Principal, action: string): CedarRequest {
  const who = principalEntity(principal)
  const application = resourceEntity(schema, null)
  const what = { type: 'Action', id: action }
  return {
    principal: who.uid,
    action: what,
    resource: application.uid,
    context: {},
    entities: [who, application, ...agentsAbove(principal)],
  }
}

function principalEntity({ id, kind, roles, chain, tenant, onBehalfOf }: Principal): Entity {
  const owner = chain[1]?.principal
  return {
    uid: { type: PRINCIPAL_TYPES[kind], id },
    attrs: {
      id,
      tenant,
      ...(owner === undefined ? {} : { owner }),
      ...(onBehalfOf === null ? {} : { onBehalfOf }),
    },
    parents: roles.map((role) => ({ type: 'Role', id: role })),
  }
}

/** The resource of a command as records name it. @throws ContextError for an entity that is not there */
export const resourceName = (schema: PolicySchema, resource: AdmitRequest['resource']): string =>
  formatUid(resourceEntity(schema, resource).uid)

/** They act for the same one, and each has its own owner. */
const agentsAbove = ({ above = [], onBehalfOf }: Principal): readonly Entity[] =>
  above.map((agent) => principalEntity({ ...agent, kind: 'agent', onBehalfOf }))

function resourceEntity(schema: PolicySchema, resource: AdmitRequest['resource']): Entity {
  if (resource === null) return withId({ type: 'Application', id: schema.application })
  const type = schema.entityTypes.get(resource.entity)
  if (type === undefined) throw new ContextError(`there is no entity \`${resource.entity}\``)
  if (!resource.id.isWellFormed()) throw new ContextError('the id of the resource is not well-formed Unicode')
  return withId({ type, id: resource.id })
}

const withId = (uid: EntityUid): Entity => ({ uid, attrs: { id: uid.id }, parents: [] })

/** The form that is stored with the operation: names as Cedar writes them. */
export const recordedRequest = (request: CedarRequest): AdmissionRequest => ({
  principal: formatUid(request.principal),
  action: formatUid(request.action),
  resource: formatUid(request.resource),
  context: request.context,
  entities: request.entities.map(({ uid, attrs, parents }) => ({
    uid: { type: uid.type, id: uid.id },
    attrs,
    parents: parents.map(({ type, id }) => ({ type, id })),
  })),
})

/** A request as asked when it has no Cedar form: named, and empty. */
export function emptyRequest(schema: PolicySchema, asked: AdmitRequest): AdmissionRequest {
  const { id, kind } = asked.principal
  const resource =
    asked.resource === null ? 'Application' : (schema.entityTypes.get(asked.resource.entity) ?? 'Application')
  return {
    principal: formatUid({ type: PRINCIPAL_TYPES[kind], id }),
    action: formatUid({ type: 'Action', id: asked.action.toWellFormed() }),
    resource: formatUid({ type: resource, id: (asked.resource?.id ?? schema.application).toWellFormed() }),
    context: {},
    entities: [],
  }
}

/** Null when it was not printed by `recordedRequest`. */
export function requestFromRecord(recorded: AdmissionRequest): CedarRequest | null {
  const principal = parseUid(recorded.principal)
  const action = parseUid(recorded.action)
  const resource = parseUid(recorded.resource)
  if (principal === null || action === null || resource === null || !recorded.entities.every(isEntity)) return null
  const entities = recorded.entities as unknown as readonly Entity[]
  return { principal, action, resource, context: recorded.context, entities }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isEntity = (value: JsonObject): boolean =>
  isObject(value['uid']) && isObject(value['attrs']) && Array.isArray(value['parents'])
