/** The release of the benchmarks' application, built as the command line builds it. */
import { join } from 'node:path'
import { buildRelease } from '../../src/application/build.ts'
import type { Release } from '../../src/model/manifest.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { APPLICATION } from './application.ts'

export async function benchRelease(sandbox: Sandbox): Promise<Release> {
  const { release } = await buildRelease(join(APPLICATION, 'index.ts'), {
    describe: (bundle) => sandbox.describe(bundle),
  })
  return release
}
