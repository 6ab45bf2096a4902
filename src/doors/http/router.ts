/** Finds the route of a path. A tree of segments, built once. */
import { problem } from '../../model/problems.ts'
import type { Route } from './route.ts'

interface Node {
  readonly literals: Map<string, Node>
  parameter: Node | null
  readonly routes: Map<string, Route>
}
const node = (): Node => ({ literals: new Map(), parameter: null, routes: new Map() })

export interface Found {
  readonly route: Route
  readonly parameters: readonly string[]
}

export class Router {
  readonly #root = node()

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      let at = this.#root
      for (const segment of route.path.slice(1).split('/')) {
        if (segment.startsWith('{')) at = at.parameter ??= node()
        else {
          const next: Node = at.literals.get(segment) ?? node()
          at.literals.set(segment, next)
          at = next
        }
      }
      if (at.routes.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`)
      at.routes.set(route.method, route)
    }
  }

  /** @throws `not-found`; `method-not-allowed` with the methods that the address takes. */
  find(method: string, segments: readonly string[]): Found {
    let at: Node | undefined = this.#root
    const parameters: string[] = []
    for (const segment of segments) {
      const literal: Node | undefined = at.literals.get(segment)
      if (literal !== undefined) at = literal
      else if (at.parameter !== null && segment !== '') {
        parameters.push(segment)
        at = at.parameter
      } else throw notFound()
    }
    const route = at.routes.get(method)
    if (route !== undefined) return { route, parameters }
    if (at.routes.size === 0) throw notFound()
    const allow = [...at.routes.keys()].sort()
    throw problem('method-not-allowed', `this address takes ${allow.join(', ')}`, { allow })
  }
}

const notFound = () => problem('not-found', 'no route has this path')
