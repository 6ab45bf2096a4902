/** The best jail that works here: tried in order, each by starting a process in it and seeing what that process can reach. */
import type { CellProgram } from '../assemble.ts'
import { bubblewrapJail } from './bubblewrap.ts'
import type { Jail, JailKind, Level } from './jail.ts'
import { namespacesJail } from './namespaces.ts'
import { plainJail } from './plain.ts'
import { levelOf, probeJail } from './probe.ts'
import type { Probes } from './probe.ts'

export interface ChosenJail {
  readonly jail: Jail
  readonly level: Level
  readonly probes: Probes
  /** What an operator can do for a better one; null at L3. */
  readonly howToRaise: string | null
}

const MAKERS: Readonly<Record<JailKind, (engine: string) => Jail | null>> = {
  bubblewrap: bubblewrapJail,
  namespaces: namespacesJail,
  plain: plainJail,
}

/** @param kinds which to try, best first; the plain process always works, so it should be the last. */
export async function chooseJail(program: CellProgram, kinds: readonly JailKind[]): Promise<ChosenJail | null> {
  for (const kind of kinds) {
    const jail = MAKERS[kind](program.engine)
    if (jail === null) continue
    const probes = await probeJail(jail, program.probe)
    if (probes === null) {
      jail.close()
      continue
    }
    const level = levelOf(jail, probes)
    return { jail, level, probes, howToRaise: level === 'L3' ? null : howToRaise(kind) }
  }
  return null
}

function howToRaise(kind: JailKind): string {
  if (process.platform !== 'linux')
    return 'run on Linux with bubblewrap: on this system cells are only processes of their own'
  const install =
    'install bubblewrap (Debian and Ubuntu: `apt-get install bubblewrap`; Fedora: `dnf install bubblewrap`)'
  const namespaces =
    'allow user namespaces (`sysctl user.max_user_namespaces`; on Ubuntu an AppArmor profile for bwrap; in a container, its seccomp profile)'
  return kind === 'plain' ? `${install}, and ${namespaces}` : `${install}; if it is installed, ${namespaces}`
}
