import type { AudienceExpression, EvaluationType, Issue, JsonSchema } from "@tessera/xdm";
import type { Pql } from "./ast.ts";
import { Checker } from "./check/checker.ts";
import { referredTo } from "./dependencies.ts";
import { type Eligibility, eligibilityOf, ineligible, type KnownAudience } from "./eligibility.ts";
import { readsOf } from "./event-reads.ts";
import { type Fault, issueAt } from "./pql/issue.ts";
import { parsePql } from "./pql/parse.ts";
import { readExpression } from "./read-expression.ts";

/**
 * An audience that a definition may name. A full `AudienceDefinition` fits. Whether it reads attributes only is
 * worked out from its expression (or `pql`) unless `profileOnly` says so.
 */
export interface AudienceReference {
  readonly id: string;
  readonly expression?: AudienceExpression;
  readonly pql?: string;
  readonly evaluation?: EvaluationType;
  readonly profileOnly?: boolean;
}

/** What a definition is checked against. */
export interface CheckOptions {
  /** The union schema of the person, with `xEvent` as an array property. Without it fields and types are not checked. */
  readonly schema?: JsonSchema;
  /** The audiences that `inSegment` may name; without it any id may be. */
  readonly audiences?: readonly AudienceReference[];
  /** Tessera's own wider eligibility: any window, any sequence. */
  readonly wide?: boolean;
}

/** The result of a check: `valid` when there are no issues. */
export interface PqlCheck {
  readonly valid: boolean;
  readonly issues: readonly Issue[];
  readonly eligibility: Eligibility;
}

/**
 * Checks a PQL text: syntax, functions, and — against a schema — fields and types; all issues at once, each with line,
 * column, what was expected and what came. Says in which ways the definition may be evaluated, and why not.
 */
export function checkPql(pql: string, options: CheckOptions = {}): PqlCheck {
  const parsed = parsePql(pql);
  if (!parsed.ok) return { valid: false, issues: parsed.error, eligibility: ineligible() };
  return checkParsed(parsed.value, options, pql);
}

function checkParsed(tree: Pql, options: CheckOptions, text: string): PqlCheck {
  const checker = new Checker(
    options.schema,
    options.audiences?.map((audience) => audience.id),
  );
  checker.check(tree);
  const faults: readonly Fault[] = checker.faults.toSorted((a, b) => (a.offset ?? 0) - (b.offset ?? 0));
  const issues = faults.map((fault) => issueAt(text, fault));
  const eligibility =
    issues.length > 0 ? ineligible() : eligibilityOf(tree, knownAudiences(options.audiences ?? []), options);
  return { valid: issues.length === 0, issues, eligibility };
}

function knownAudiences(audiences: readonly AudienceReference[]): ReadonlyMap<string, KnownAudience> {
  const byId = new Map(audiences.map((audience) => [audience.id, audience]));
  const decided = new Map<string, boolean>();
  const profileOnly = (id: string): boolean => {
    const known = decided.get(id);
    if (known !== undefined) return known;
    decided.set(id, false); // a circle is no reader of attributes only
    const audience = byId.get(id);
    const tree = audience && treeOf(audience);
    const reads = tree && readsOf(tree);
    const only =
      audience?.profileOnly ??
      (tree !== undefined &&
        reads !== undefined &&
        reads.uses.length === 0 &&
        reads.events.size === 0 &&
        referredTo(tree).every(profileOnly));
    decided.set(id, only);
    return only;
  };
  return new Map(audiences.map((audience) => [audience.id, { profileOnly: profileOnly(audience.id) }]));
}

function treeOf(audience: AudienceReference): Pql | undefined {
  const expression =
    audience.expression ??
    (audience.pql === undefined
      ? undefined
      : { type: "PQL" as const, format: "pql/text" as const, value: audience.pql });
  const read = expression && readExpression(expression);
  return read?.ok ? read.value : undefined;
}
