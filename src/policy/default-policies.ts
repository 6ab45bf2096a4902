/**
 * The policies of an application that brings none: agents work, people decide what cannot be undone, front doors attest. Where the application
 * declares whom its commands reach and which answers carry text from outside, what a run has read decides as well.
 */
import { declaresFlow, type Manifest } from '../model/manifest.ts'

/** Cedar source by file name, as an authority snapshot holds it. */
export function defaultPolicies(manifest: Manifest): Readonly<Record<string, string>> {
  const hasCommands = Object.keys(manifest.commands).length > 0
  const admission = { 'scope/default.cedar': SCOPE, 'default.cedar': ADMISSION }
  if (!hasCommands) return admission
  if (declaresFlow(manifest)) return { ...admission, 'data-flow.cedar': DATA_FLOW }
  return { ...admission, 'default.cedar': `${ADMISSION}\n${IRREVERSIBLE}` }
}

const SCOPE = `// Scope: which actions exist at all for whom. What is not in somebody's scope looks to them as if it were not there.
@id("scope-agents")
permit (principal in Role::"agent", action in [Action::"commands", Action::"queries"], resource);

@id("scope-operators")
permit (
  principal is Human in Role::"operator",
  action in [Action::"plinth.read-records", Action::"plinth.import", Action::"plinth.approve", Action::"plinth.erase"],
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
  action in [Action::"plinth.read-records", Action::"plinth.import", Action::"plinth.approve", Action::"plinth.erase"],
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

const DATA_FLOW = `// Where the arguments of a call came from. \`context.flow\` is worked out by matching text, without a model.
// What cannot be undone waits for an operator, unless the principal itself named whom it reaches.
@id("irreversible-to-whom-nobody-named")
@hold("operator")
@hold_for("72h")
forbid (principal, action in Action::"commands", resource)
when {
  context.impact.irreversible &&
  (context.flow.reaches.isEmpty() || !["words", "made", "named", "picked"].containsAll(context.flow.reaches))
}
unless { context.approvals.contains("operator") };

// A target that the agent made up, and a number that nobody gave and that follows from none: mistakes, or worse.
@id("reaches-what-stands-nowhere")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.reaches.contains("composed") }
unless { context.approvals.contains("operator") };

@id("carries-figures-that-nobody-gave")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { !context.flow.reaches.isEmpty() && context.flow.unexplainedFigures > 0 }
unless { context.approvals.contains("operator") };

// The same call twice in one run, with the same arguments: whoever means it says so.
@id("done-already")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.repeated && ["compensable", "irreversible"].contains(context.flow.risk) }
unless { context.approvals.contains("operator") };

// The rules below hold once a run has read text from outside: an instruction may have been hidden in it.
@id("tainted-and-not-requested")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.tainted && !context.flow.requested }
unless { context.approvals.contains("operator") };

@id("tainted-reaches-whom-nobody-named")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.tainted && !["words", "made", "named", "picked"].containsAll(context.flow.reaches) }
unless { context.approvals.contains("operator") };

@id("tainted-carries-text-from-outside")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.tainted && !context.flow.reaches.isEmpty() && (context.flow.externalWords > 0 || context.flow.foreignAddresses > 0) }
unless { context.approvals.contains("operator") };

@id("tainted-carries-text-that-nobody-gave")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.tainted && !context.flow.reaches.isEmpty() && context.flow.composedWords > 2 }
unless { context.approvals.contains("operator") };

// It reaches nobody: then it is enough that it was asked for by name. What can be made good may not lead elsewhere either.
@id("tainted-and-not-asked-for")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when { context.flow.tainted && context.flow.reaches.isEmpty() && context.flow.risk != "none" && context.flow.askedWords == 0 }
unless { context.approvals.contains("operator") };

@id("tainted-says-more-than-was-asked-for")
@hold("operator")
@hold_for("72h")
forbid (principal is Agent, action in Action::"commands", resource)
when {
  context.flow.tainted && context.flow.reaches.isEmpty() && context.flow.risk == "compensable" &&
  (context.flow.foreignAddresses > 0 || context.flow.externalWords > context.flow.askedWords)
}
unless { context.approvals.contains("operator") };
`
