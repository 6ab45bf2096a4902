/** A whole system as the subject of power cuts: the log audited, and read models compared with a rebuild by the engine itself. */
import { join } from 'node:path'
import { readInstallation } from '../../src/main/data-directory.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { auditDirectory } from './crash-audit.ts'
import type { PowerCutSubject } from './power-cut.ts'
import { verifySystem } from './system-kill-rounds.ts'

export const systemSubject = (sandbox: Sandbox, callers = 8, operations = 20): PowerCutSubject => ({
  program: (folder, seed) => [
    join(import.meta.dirname, 'system-workload.ts'),
    ...[folder, seed, callers, operations].map(String),
  ],
  data: 'data',
  async audit(dir, acknowledged) {
    const { origin } = await readInstallation(dir)
    const audit = await auditDirectory(dir, origin, acknowledged)
    return { ...audit, broken: [...audit.broken, ...(await verifySystem(dir, sandbox))] }
  },
})
