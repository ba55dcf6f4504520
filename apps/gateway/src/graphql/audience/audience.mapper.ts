import {
  type AudienceInput,
  type AudienceVersion,
  type AudienceView,
  type checkAudience,
  newestOf,
  parseExpression,
} from "@tessera/hub";
import {
  type ExplainedCondition,
  explainText,
  type Explanation,
  missingOf,
  type Verdict,
} from "@tessera/segment-engine";
import { err, formatInstant, type Issue, ok, type Result } from "@tessera/xdm";
import type {
  Audience,
  AudienceCheck,
  AudienceVersionType,
  CreateAudienceInput,
  EligibilityVerdict,
  IssueType,
  MembershipExplanation,
} from "./audience.type.ts";

/** An audience as the API tells it. */
export function audienceOf(view: AudienceView): Audience {
  const { id, name, description, status, expression, evaluation, version, mergePolicyId, updatedAt } =
    newestOf(view);
  return {
    id,
    name,
    description,
    status,
    count: view.count,
    expression,
    evaluation,
    version,
    versionInForce: view.version,
    compositionId: view.composition?.id,
    mergePolicyId,
    createdAt: formatInstant(view.createdAt),
    updatedAt: formatInstant(updatedAt),
    evaluatedAt:
      view.evaluatedAt === undefined || view.next !== undefined ? undefined : formatInstant(view.evaluatedAt),
  };
}

/** A version of an audience as the API tells it. */
export function versionOf(kept: AudienceVersion, inForce: number | undefined): AudienceVersionType {
  const { version, name, expression, evaluation, updatedAt } = kept;
  const savedAt = formatInstant(updatedAt);
  return { version, inForce: version === inForce, name, expression, evaluation, savedAt };
}

const EVALUATIONS = ["batch", "streaming", "edge"] as const;
const FIRST_STATUSES = ["draft", "published"] as const;

/** Reads what an audience is to be made from. */
export function audienceInputOf(input: CreateAudienceInput): Result<AudienceInput, readonly Issue[]> {
  const issues: Issue[] = [];
  const expression = parseExpression({ ...input.expression });
  if (!expression.ok) issues.push(...expression.error);
  const evaluation = EVALUATIONS.find((known) => known === input.evaluation);
  if (input.evaluation !== undefined && input.evaluation !== null && evaluation === undefined) {
    issues.push(oneOf("evaluation", EVALUATIONS));
  }
  const status = FIRST_STATUSES.find((known) => known === input.status);
  if (input.status !== undefined && input.status !== null && status === undefined) {
    issues.push(oneOf("status", FIRST_STATUSES));
  }
  if (issues.length > 0 || !expression.ok) return err(issues);
  return ok({
    name: input.name,
    expression: expression.value,
    ...(input.description && { description: input.description }),
    ...(evaluation !== undefined && { evaluation }),
    ...(input.mergePolicyId && { mergePolicyId: input.mergePolicyId }),
    ...(typeof input.excludeOptOut === "boolean" && { excludeOptOut: input.excludeOptOut }),
    ...(status !== undefined && { status }),
  });
}

/** A check as the API tells it. */
export function checkOf({ valid, issues, eligibility }: ReturnType<typeof checkAudience>): AudienceCheck {
  const { batch, streaming, edge } = eligibility;
  return {
    valid,
    issues: issues.map(issueOf),
    eligibility: { batch: verdictOf(batch), streaming: verdictOf(streaming), edge: verdictOf(edge) },
  };
}

/** An issue as the API tells it. */
export function issueOf({ code, message, path, line, column, expected, came }: Issue): IssueType {
  return { code, message, path: path?.map(String), line, column, expected, came };
}

/** An explanation as the API tells it; without the values that were looked at for those who may not see all fields. */
export function explanationOf(explanation: Explanation, showValues: boolean): MembershipExplanation {
  const open = showValues ? explanation : { ...explanation, because: withoutValues(explanation.because) };
  // Said anew: what is missing names the values that were found.
  const shown = { ...open, missing: missingOf(open) };
  const { member, at, refused, because, missing } = shown;
  return { member, at, refused, missing, text: explainText(shown), tree: because };
}

function withoutValues(condition: ExplainedCondition): ExplainedCondition {
  return { ...condition, values: [], conditions: condition.conditions.map(withoutValues) };
}

function verdictOf({ eligible, reasons }: Verdict): EligibilityVerdict {
  return { eligible, reasons: reasons.map(({ message }) => message) };
}

function oneOf(field: string, values: readonly string[]): Issue {
  return {
    code: `audience.${field}`,
    path: [field],
    message: `${field}: expected one of ${values.join(", ")}. Correct it and try again.`,
  };
}
