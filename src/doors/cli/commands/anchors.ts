/** `plinth log anchor`, `plinth log anchors`: anchor the newest checkpoint now; what is anchored, how far behind each anchor is, and why. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AnchorView, Page, Self } from '../../../engine/engine.ts'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { pageQuery } from '../page.ts'
import { time } from '../table.ts'
import { printable, type Terminal } from '../terminal.ts'

export async function anchorNow(call: CommandCall): Promise<ExitCode> {
  const { options, terminal } = call
  const path = '/v1/log/anchors'
  const { items } = await request<{ items: readonly AnchorView[] }>(await findConnection(options), path, {
    method: 'POST',
  })
  await save(items, options.text('out'), terminal)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'anchored', items }))
  else for (const item of items) terminal.data(line(item))
  return EXIT.ok
}

/** @returns `failed` when an anchor does not answer: so that a watch dog needs no more than the exit code */
export async function listAnchors({ options, terminal }: CommandCall): Promise<ExitCode> {
  const connection = await findConnection(options)
  const { anchors } = await request<Self>(connection, '/v1/self')
  const page = await request<Page<AnchorView>>(connection, '/v1/log/anchors', { query: pageQuery(options) })
  await save(page.items, options.text('out'), terminal)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'anchors', anchors, ...page }))
  else {
    for (const { name, size, timeMs, waiting, lagMs, failures, lastError } of anchors) {
      const last = timeMs === null ? 'nothing anchored yet' : `${size} records anchored at ${time(timeMs)}`
      const behind = waiting === 0 ? 'nothing waits' : `${waiting} records wait, ${Math.round(lagMs / 1_000)} s`
      terminal.data(printable(`${name}: ${last}; ${behind}`))
      if (failures > 0) terminal.data(printable(`  failed ${failures} times in a row: ${lastError ?? ''}`))
    }
    if (anchors.length === 0) terminal.talk('no anchor is set up: docs/operating/anchors.md')
    for (const item of page.items) terminal.data(line(item))
    if (page.next !== null) terminal.talk(`more: --after ${page.next}`)
  }
  return anchors.some(({ failures }) => failures > 0) ? EXIT.failed : EXIT.ok
}

const line = ({ size, timeMs, anchor, cause }: AnchorView): string =>
  printable(`${String(size).padStart(10)}  ${time(timeMs)}  ${anchor}  ${cause}`)

/** Each proof with the checkpoint that it is for, as other programs read them. */
async function save(items: readonly AnchorView[], folder: string | null, terminal: Terminal): Promise<void> {
  if (folder === null) return
  try {
    await mkdir(folder, { recursive: true })
    for (const { size, anchor, kind, checkpoint, proof } of items) {
      await writeFile(join(folder, `${size}-${anchor}.checkpoint`), checkpoint)
      await writeFile(join(folder, `${size}-${anchor}.${kind}`), Buffer.from(proof, 'base64'))
    }
    terminal.talk(`${items.length} proofs written to ${printable(folder)}`)
  } catch (cause) {
    throw problem('usage', `\`${folder}\` could not be written to`, { command: 'log' }, cause)
  }
}
