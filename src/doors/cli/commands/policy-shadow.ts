/** `plinth policy shadow`: what rules that only observe would have held, denied or let through, newest first. */
import type { OperationSummary, Page } from '../../../engine/engine.ts'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { pageQuery, printPage } from '../page.ts'
import { time } from '../table.ts'

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const PAGES_MAX = 200 // looked through in one call: a million records

export async function shadow({ options, terminal }: CommandCall): Promise<ExitCode> {
  const sinceMs = Date.now() - lastMs(options.text('last') ?? '24h')
  const connection = await findConnection(options)
  const { limit, after } = pageQuery(options)
  const wanted = Number(limit ?? 50)
  const items: OperationSummary[] = []
  const next = (from: string | number | null): Promise<Page<OperationSummary>> =>
    request(connection, '/v1/operations', { query: { observed: 'differs', limit: wanted - items.length, after: from } })
  let page = await next(after ?? null)
  for (let pages = 1; ; pages++) {
    const recent = page.items.filter(({ recordedAtMs }) => recordedAtMs >= sinceMs)
    items.push(...recent)
    if (recent.length < page.items.length) page = { ...page, next: null }
    if (page.next === null || items.length >= wanted || pages >= PAGES_MAX) break
    page = await next(page.next)
  }
  const head = ['TIME', 'OPERATION', 'ACTION', 'ACTOR', 'IS', 'WOULD BE', 'BY', 'NEEDS']
  printPage(terminal, 'shadow', { ...page, items }, head, (item) => [
    time(item.recordedAtMs),
    item.operation,
    item.action,
    item.actor,
    item.state,
    item.observed?.kind ?? '',
    item.observed?.rules.join(' ') ?? '',
    item.observed?.requires?.join(' ') ?? '',
  ])
  return EXIT.ok
}

/** @throws `usage` */
function lastMs(text: string): number {
  const [, digits, unit] = /^([1-9][0-9]{0,4})([mhd])$/.exec(text) ?? []
  if (digits === undefined || unit === undefined)
    throw problem('usage', '`--last` is a whole number with m, h or d: `--last 7d`', { command: 'policy' })
  return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS]
}
