/** The policies of an application that brings none: agents work, people decide what cannot be undone, front doors attest. */
import type { Manifest } from '../model/manifest.ts'

/** Cedar source by file name, as an authority snapshot holds it. */
export function defaultPolicies(manifest: Manifest): Readonly<Record<string, string>> {
  const hasCommands = Object.keys(manifest.commands).length > 0
  return {
    'scope/default.cedar': SCOPE,
    'default.cedar': hasCommands ? `${ADMISSION}\n${IRREVERSIBLE}` : ADMISSION,
  }
}

const SCOPE = `// Scope: which actions exist at all for whom. What is not in somebody's scope looks to them as if it were not there.
@id("scope-agents")
permit (principal in Role::"agent", action in [Action::"commands", Action::"queries"], resource);

@id("scope-operators")
permit (
  principal is Human in Role::"operator",
  action in [Action::"plinth.read-records", Action::"plinth.import", Action::"plinth.approve"],
  resource
);

@id("scope-front-doors")
permit (principal is Service in Role::"front-door", action == Action::"plinth.attest", resource);
`

const ADMISSION = `// Admission: what may happen, decided when it is known what it would do.
@id("agents-may-call")
permit (principal in Role::"agent", action in [Action::"commands", Action::"queries"], resource);

@id("operators-may-operate")
permit (
  principal is Human in Role::"operator",
  action in [Action::"plinth.read-records", Action::"plinth.import", Action::"plinth.approve"],
  resource
);

@id("front-doors-may-attest")
permit (principal is Service in Role::"front-door", action == Action::"plinth.attest", resource);
`

const IRREVERSIBLE = `// What cannot be undone waits until an operator has approved it.
@id("irreversible-needs-an-operator")
@hold("operator")
@hold_for("72h")
forbid (principal, action in Action::"commands", resource)
when { context.impact.irreversible }
unless { context.approvals.contains("operator") };
`
