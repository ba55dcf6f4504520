import type { Issue } from "@tessera/xdm";
import type { GovernanceCatalog, GovernedDataflow } from "./catalog.ts";
import { applyChange, type GovernanceChange } from "./change.ts";
import { evaluatePolicies, type Violation } from "./evaluate-policies.ts";
import { LabelInheritance } from "./inherit-labels.ts";
import { formatLineage } from "./lineage.ts";
import { labelsOf } from "./policy.ts";

/** Whether a dataflow may run. `issues` are references that lead nowhere: labels that are not known permit nothing. */
export type Enforcement =
  | { readonly kind: "permitted"; readonly drafts: readonly Violation[] }
  | {
      readonly kind: "refused";
      readonly violations: readonly Violation[];
      readonly issues: readonly Issue[];
      /** What policies in draft would deny as well. */
      readonly drafts: readonly Violation[];
    };

/**
 * Asks all policies about one dataflow as it would stand: at its first activation and at every later edit. All
 * violations are given at once, each with its whole lineage. The dataflow need not be in the catalog yet.
 */
export function enforceDataflow(catalog: GovernanceCatalog, dataflow: GovernedDataflow): Enforcement {
  return enforcer(catalog)(dataflow);
}

function enforcer(catalog: GovernanceCatalog): (dataflow: GovernedDataflow) => Enforcement {
  const inheritance = new LabelInheritance(catalog);
  const destinations = new Map(catalog.destinations.map((destination) => [destination.id, destination]));
  return (dataflow) => {
    const marketingActions = destinations.get(dataflow.destinationId)?.marketingActions ?? [];
    const policies = catalog.policies.filter(
      ({ status, marketingActionRefs }) =>
        status !== "DISABLED" && marketingActionRefs.some((action) => marketingActions.includes(action)),
    );
    const asked = new Set(policies.flatMap(({ deny }) => labelsOf(deny)));
    const { labels, issues } = inheritance.ofDataflow(dataflow, asked);
    const all = evaluatePolicies({ marketingActions, labels, policies, includeDraft: true });
    const violations = all.filter(({ policy }) => policy.status === "ENABLED");
    const drafts = all.filter(({ policy }) => policy.status === "DRAFT");
    if (violations.length === 0 && issues.length === 0) return { kind: "permitted", drafts };
    return { kind: "refused", violations, issues, drafts };
  };
}

/** What a change does to one dataflow that is there already. */
export interface DataflowReview {
  readonly dataflow: GovernedDataflow;
  /** Violations and lost references that were not there before the change. */
  readonly started: readonly Violation[];
  readonly lost: readonly Issue[];
  /** Violations that the change ends. */
  readonly ended: readonly Violation[];
}

/**
 * Names the dataflows that a change (of a dataset, label, policy, merge policy, audience, mapping or destination)
 * makes violate a policy they did not violate, or frees from a violation. Dataflows it leaves as they are, are left
 * out; one that already violated and goes on doing so does not hold up the change.
 */
export function reviewDataflows(
  catalog: GovernanceCatalog,
  change: GovernanceChange,
): readonly DataflowReview[] {
  const after = applyChange(catalog, change);
  const [enforceBefore, enforceAfter] = [enforcer(catalog), enforcer(after)];
  const earlier = new Map(catalog.dataflows.map((dataflow) => [dataflow.id, dataflow]));
  const reviews: DataflowReview[] = [];
  for (const dataflow of after.dataflows) {
    const known = earlier.get(dataflow.id);
    const [was, is] = [known ? enforceBefore(known) : undefined, enforceAfter(dataflow)];
    const [old, now] = [violationsOf(was), violationsOf(is)];
    const started = [...now].filter(([key]) => !old.has(key)).map(([, violation]) => violation);
    const ended = [...old].filter(([key]) => !now.has(key)).map(([, violation]) => violation);
    const knownLost = new Set(issuesOf(was).map(({ message }) => message));
    const lost = issuesOf(is).filter(({ message }) => !knownLost.has(message));
    if (started.length + ended.length + lost.length > 0) reviews.push({ dataflow, started, lost, ended });
  }
  return reviews;
}

/** What to do with dataflows that start to violate: refuse the change, save and report, or save and pause them. */
export type OnViolation = "refuse" | "report" | "pause";

/** Whether a change is saved, and what becomes of the dataflows that it touches. */
export interface ChangeDecision {
  readonly kind: "saved" | "refused";
  readonly reviews: readonly DataflowReview[];
  /** Ids of dataflows to pause; filled under `pause` only. */
  readonly pause: readonly string[];
  /** One issue for each violation that starts, with its lineage in the message; empty when there are none. */
  readonly issues: readonly Issue[];
}

/** Decides a change by its reviews. Under `refuse` (the default) any violation that starts refuses the save. */
export function decideChange(
  catalog: GovernanceCatalog,
  change: GovernanceChange,
  onViolation: OnViolation = "refuse",
): ChangeDecision {
  const reviews = reviewDataflows(catalog, change);
  const bad = reviews.filter(({ started, lost }) => started.length + lost.length > 0);
  return {
    kind: bad.length > 0 && onViolation === "refuse" ? "refused" : "saved",
    reviews,
    pause: onViolation === "pause" ? bad.map(({ dataflow }) => dataflow.id) : [],
    issues: bad.flatMap(({ dataflow, started, lost }) => [
      ...started.map((violation) => violationIssue(dataflow, violation)),
      ...lost,
    ]),
  };
}

/** A violation as an issue, for those who save: the policy, the action, and the first way of each label. */
export function violationIssue(dataflow: GovernedDataflow, violation: Violation): Issue {
  const { policy, marketingAction, labels, lineages } = violation;
  const ways = labels.flatMap((label) => {
    const way = lineages.find((lineage) => lineage[0]?.id === label);
    return way ? [formatLineage(way)] : [];
  });
  return {
    code: "governance.violation",
    path: ["dataflows", dataflow.id],
    expected: `no data labelled ${labels.join(", ")} for ${marketingAction}`,
    came: labels.join(", "),
    message: `The policy "${policy.name}" denies ${marketingAction}: ${ways.join("; ")}. Take the field or the audience out of "${dataflow.name}", or change the marketing actions, the labels or the policy.`,
  };
}

function violationsOf(enforcement: Enforcement | undefined): ReadonlyMap<string, Violation> {
  if (enforcement?.kind !== "refused") return new Map();
  return new Map(
    enforcement.violations.flatMap((violation) =>
      violation.labels.map((label) => [
        JSON.stringify([violation.policy.id, violation.marketingAction, label]),
        violation,
      ]),
    ),
  );
}

function issuesOf(enforcement: Enforcement | undefined): readonly Issue[] {
  return enforcement?.kind === "refused" ? enforcement.issues : [];
}
