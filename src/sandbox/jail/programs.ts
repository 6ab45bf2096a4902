/** Where the system's programs are, and which libraries this Node binary needs. */
import { accessSync, constants, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Full path of a program, or null where it is missing. */
export function programPath(name: string): string | null {
  const directories = (process.env['PATH'] ?? '').split(delimiter)
  for (const directory of [...directories, '/usr/bin', '/bin', '/usr/sbin', '/sbin']) {
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not here
    }
  }
  return null
}

/** Libraries as the loader names them, each with the file behind the name. Known from this process, which runs the same binary. */
export function libraries(): readonly { readonly name: string; readonly file: string }[] {
  const report = process.report as typeof process.report & { excludeNetwork: boolean }
  const before = report.excludeNetwork
  report.excludeNetwork = true // looking up interfaces and names takes long, and is not asked for
  const { sharedObjects } = report.getReport() as unknown as { sharedObjects: readonly string[] }
  report.excludeNetwork = before
  return sharedObjects
    .filter((name) => name.startsWith('/') && /\.so(\.|$)/.test(name))
    .map((name) => ({ name, file: realpathSync(name) }))
}
