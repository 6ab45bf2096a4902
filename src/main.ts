/** Composition root: the command line, and behind it, loaded only when asked for, everything it may start. */
import { readFileSync } from 'node:fs'
import { runCommandLine } from './doors/cli/run.ts'
import { guardProcess } from './host/guard-process.ts'
import { keepHeapSmall } from './host/small-heap.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** Longest that a command which has ended may linger. */
const END_MS = 5_000

process.exitCode = await runCommandLine(process.argv.slice(2), version, {
  async start(options) {
    guardProcess()
    return (await import('./main/start.ts')).start(options)
  },
  buildRelease: async (application) => (await import('./main/build.ts')).buildRelease(application),
  lastRelease: async (dir) => (await import('./main/data-directory.ts')).lastRelease(dir),
  witness: async (options) => (await import('./main/witness.ts')).witness(options),
  logStop: {
    read: async (dir) => (await import('./main/log-stop.ts')).read(dir),
    resume: async (dir, by, reason) => void (await import('./main/log-stop.ts')).resume(dir, by, reason),
  },
  logKeys: {
    rotate: async (dir, options) => (await import('./main/log-keys.ts')).rotateLogKey(dir, options),
    recover: async (dir, options) => (await import('./main/recover-log.ts')).recoverLog(dir, options),
    complete: async (dir, options, signal) =>
      (await import('./main/complete-log.ts')).completeLog(dir, options, signal),
    write: async (dir, file, checkpoint) => (await import('./main/log-keys.ts')).writeLogKeys(dir, file, checkpoint),
  },
  workshop: async () => (await import('./main/workshop.ts')).openWorkshop(),
  policyFaults: async (files, dir) => (await import('./main/policy-check.ts')).policyFaults(files, dir),
  exportLog: async (dir, file, format, checkpoint) =>
    (await import('./main/export-log.ts')).exportLog(dir, file, format, checkpoint),
  importLog: async (dir, file, root, signal) =>
    (await import('./main/import-log.ts')).importLog(dir, file, root, signal),
  streamProof: async (dir, stream, file, checkpoint) =>
    (await import('./main/stream-proof.ts')).writeStreamProof(dir, stream, file, checkpoint),
  async verifyOffline(dir, keyFile, onProgress, signal, subjectKeys) {
    keepHeapSmall()
    return (await import('./main/verify.ts')).verifyOffline(dir, keyFile, onProgress, signal, subjectKeys)
  },
  async startWarden(...options) {
    guardProcess()
    return (await import('./main/warden.ts')).startWarden(...options)
  },
  audit: async (options, signal) => (await import('./main/audit.ts')).audit(options, signal),
  policyReplay: async (options, signal) => (await import('./main/look-back.ts')).policyReplay(options, signal),
  policyTest: async (options) => (await import('./main/look-back.ts')).policyTest(options),
  reach: async (options, signal) => (await import('./main/look-back.ts')).reach(options, signal),
})

// Whatever is still open by now is not worth waiting for; a command that has ended ends. Unless output is still on its way, this never fires.
setTimeout(() => process.exit(), END_MS).unref()
