/** What a finished command tells the shell. Documented in docs/reference/cli.md, which is generated from here. */
import type { Problem, ProblemCode } from '../../model/problems.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 4,
  waiting: 5,
  proofFailed: 6,
  tryAgain: 75,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done, or stopped cleanly by one Ctrl-C or SIGTERM',
  failed: 'it failed, or the application refused it; stderr says why',
  usage: 'the command line could not be read, or it needs a terminal or `--yes`',
  denied: 'a policy or the credential does not allow it',
  waiting: 'it waits for an approval',
  proofFailed: 'what is stored does not match its proof',
  tryAgain: 'it could not be done now; the same command may work later',
  interrupted: 'stopped by force (a second Ctrl-C)',
}

const DENIED: readonly ProblemCode[] = [
  'credentials-missing',
  'credentials-invalid',
  'credentials-expired',
  'principal-revoked',
  'delegation-refused',
  'forbidden',
  'admission-failed',
  'switched-stopped',
  'switched-contained',
  'change-not-authorized',
]

const PROOF_FAILED: readonly ProblemCode[] = [
  'storage-damaged',
  'authority-invalid',
  'log-equivocation',
  'log-rollback',
  'log-proof-invalid',
]

export function exitCodeOf(problem: Problem): ExitCode {
  if (problem.code === 'usage') return EXIT.usage
  if (DENIED.includes(problem.code)) return EXIT.denied
  if (PROOF_FAILED.includes(problem.code)) return EXIT.proofFailed
  return problem.spec.retry === 'later' || problem.spec.retry === 'same-key' ? EXIT.tryAgain : EXIT.failed
}
