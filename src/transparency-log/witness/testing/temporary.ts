/** Directories and witnesses that a test leaves nothing of. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { lastingPort } from '../../../../test/support/lasting-port.ts'
import { openWitness, type OpenWitnessOptions, type RunningWitness } from '../open-witness.ts'

export function temporaryDirectory(test: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-witness-'))
  test.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A real witness on a free port of loopback. */
export async function startWitness(
  test: TestContext,
  options: Pick<OpenWitnessOptions, 'logs'> & Partial<OpenWitnessOptions>,
): Promise<RunningWitness> {
  const dir = options.dir ?? temporaryDirectory(test)
  const witness = await openWitness({ name: 'witness.example/one', port: await lastingPort(), ...options, dir })
  test.after(() => witness.close())
  return witness
}

export interface Got {
  readonly status: number
  readonly body: string
  readonly type: string | null
}
export async function post(url: string, body: string | Uint8Array<ArrayBuffer>): Promise<Got> {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') }
}
export async function get(url: string, path: string): Promise<Got> {
  const response = await fetch(url + path)
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') }
}
