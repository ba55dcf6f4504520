import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import { type Label, parseLabel } from "./label.ts";
import { type MarketingAction, parseMarketingAction } from "./marketing-action.ts";

/** What a policy denies: data with a label, or with all (`AND`) or any (`OR`) of several. There is no negation. */
export type PolicyExpression =
  | { readonly label: Label }
  | { readonly operator: "AND" | "OR"; readonly operands: readonly PolicyExpression[] };

/** `DRAFT` policies are asked only when asked for; `DISABLED` ones never. */
export type PolicyStatus = "DRAFT" | "ENABLED" | "DISABLED";

/** A data usage policy: the marketing actions for which labelled data may not be used. */
export interface Policy {
  readonly id: string;
  readonly name: string;
  readonly status: PolicyStatus;
  readonly description?: string;
  readonly marketingActionRefs: readonly MarketingAction[];
  readonly deny: PolicyExpression;
}

const DEEPEST = 16;

/** Reads a policy as the policy API writes it. All that is wrong is reported. */
export function parsePolicy(input: unknown): Result<Policy, readonly Issue[]> {
  if (!isObject(input)) return err([wrong("policy.shape", [], "an object", input)]);
  const { id, name, status = "DRAFT", description, marketingActionRefs, deny } = input;
  const issues: Issue[] = [];
  if (typeof id !== "string" || id === "")
    issues.push(wrong("policy.shape", ["id"], "a non-empty string", id));
  if (typeof name !== "string" || name === "") {
    issues.push(wrong("policy.shape", ["name"], "a non-empty string", name));
  }
  if (status !== "DRAFT" && status !== "ENABLED" && status !== "DISABLED") {
    issues.push(wrong("policy.shape", ["status"], "DRAFT, ENABLED or DISABLED", status));
  }
  const actions: MarketingAction[] = [];
  if (!Array.isArray(marketingActionRefs) || marketingActionRefs.length === 0) {
    issues.push(
      wrong("policy.shape", ["marketingActionRefs"], "a list of marketing actions", marketingActionRefs),
    );
  } else {
    marketingActionRefs.forEach((reference: unknown, index) => {
      const action = parseMarketingAction(reference);
      if (action.ok) actions.push(action.value);
      else issues.push({ ...action.error, path: ["marketingActionRefs", index] });
    });
  }
  const expression = parseExpression(deny, ["deny"]);
  if (!expression.ok) issues.push(...expression.error);
  if (issues.length > 0 || !expression.ok) return err(issues);
  return ok({
    id: id as string,
    name: name as string,
    status: status as PolicyStatus,
    ...(typeof description === "string" ? { description } : {}),
    marketingActionRefs: actions,
    deny: expression.value,
  });
}

function parseExpression(
  input: unknown,
  path: readonly (string | number)[],
): Result<PolicyExpression, readonly Issue[]> {
  if (!isObject(input))
    return err([wrong("policy.expression", path, "a label or an operator with operands", input)]);
  if (path.length > 2 * DEEPEST) {
    return err([wrong("policy.expression", path, `nesting of at most ${DEEPEST}`, input)]);
  }
  if ("label" in input) {
    const label = parseLabel(input["label"]);
    return label.ok ? ok({ label: label.value }) : err([{ ...label.error, path: [...path, "label"] }]);
  }
  const { operator, operands } = input;
  if (operator !== "AND" && operator !== "OR") {
    return err([wrong("policy.expression", [...path, "operator"], "AND or OR", operator)]);
  }
  if (!Array.isArray(operands) || operands.length === 0) {
    return err([
      wrong("policy.expression", [...path, "operands"], "a list with at least one operand", operands),
    ]);
  }
  const read: PolicyExpression[] = [];
  const issues: Issue[] = [];
  operands.forEach((operand: unknown, index) => {
    const one = parseExpression(operand, [...path, "operands", index]);
    if (one.ok) read.push(one.value);
    else issues.push(...one.error);
  });
  return issues.length > 0 ? err(issues) : ok({ operator, operands: read });
}

/**
 * The labels of `labels` that make an expression true, or `undefined` when it is not. Monotone: more labels never
 * turn a denial into a permission. An operator without operands, which `parsePolicy` refuses, denies nothing.
 */
export function deniedBy(
  expression: PolicyExpression,
  labels: ReadonlySet<Label>,
): ReadonlySet<Label> | undefined {
  if ("label" in expression) {
    return labels.has(expression.label) ? new Set([expression.label]) : undefined;
  }
  const found = new Set<Label>();
  let denied = 0;
  for (const operand of expression.operands) {
    const part = deniedBy(operand, labels);
    if (!part) continue;
    denied += 1;
    for (const label of part) found.add(label);
  }
  const enough = expression.operator === "AND" ? expression.operands.length : 1;
  return denied > 0 && denied >= enough ? found : undefined;
}

/** Every label an expression names. */
export function labelsOf(expression: PolicyExpression): readonly Label[] {
  return "label" in expression ? [expression.label] : expression.operands.flatMap(labelsOf);
}

function wrong(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  const message = `${path.join(".") || "policy"}: expected ${expected}, got ${describe(came)}. Correct the policy and save it again.`;
  return { code, path, expected, came: describe(came), message };
}
