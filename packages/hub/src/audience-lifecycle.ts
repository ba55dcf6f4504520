import type { HubStore } from "@tessera/profile-store";
import { checkPql, jsonToPql, printPql } from "@tessera/segment-engine";
import {
  type AudienceExpression,
  type AudienceStatus,
  describe,
  err,
  type EvaluationType,
  isObject,
  type Issue,
  type JsonObject,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import { policyIssue } from "./audience-policy.ts";
import type { Configuration, StoredAudience } from "./configuration.ts";
import { emptyCommit } from "./empty-commit.ts";
import { audienceRefusals } from "./limits.ts";

/** What a new audience is made from. Without `evaluation`, the fastest kind that the expression is eligible for is taken. */
export interface AudienceInput {
  readonly name: string;
  readonly description?: string;
  readonly expression: AudienceExpression;
  readonly evaluation?: EvaluationType;
  readonly mergePolicyId?: string;
  readonly excludeOptOut?: boolean;
  readonly status?: "draft" | "published";
}

const NAME_MAX = 255;

/** Checks an audience before it is saved: its name, its expression, its evaluation; every issue at once. */
export function planAudience(
  input: AudienceInput,
  {
    id,
    now,
    configuration,
  }: { readonly id: string; readonly now: number; readonly configuration: Configuration },
): Result<StoredAudience, readonly Issue[]> {
  const issues: Issue[] = [];
  const others = [...configuration.audiences.values()].filter(
    (other) => other.id !== id && other.status !== "deleted",
  );
  if (input.name.trim() === "" || input.name.length > NAME_MAX) {
    issues.push({
      code: "audience.name",
      path: ["name"],
      message: `Expected a name of 1 to ${NAME_MAX} characters, got ${describe(input.name)}.`,
    });
  }
  if (others.some((other) => other.name === input.name)) {
    issues.push({
      code: "audience.name.taken",
      path: ["name"],
      message: "Another audience has this name already. Choose another name.",
    });
  }
  const text = expressionText(input.expression);
  if (!text.ok) return err([...issues, ...text.error]);
  const check = checkAudience(text.value, configuration);
  issues.push(...check.issues);
  const { eligibility } = check;
  const { mergePolicyId } = input;
  const followed = mergePolicyId === undefined || mergePolicyId === configuration.edgePolicy.id;
  const fastest = eligibility.streaming.eligible && followed ? "streaming" : "batch";
  const evaluation = input.evaluation ?? fastest;
  const underPolicy = policyIssue(mergePolicyId, evaluation, configuration);
  if (underPolicy !== undefined) issues.push(underPolicy);
  if (check.valid && !eligibility[evaluation].eligible) {
    issues.push({
      code: "audience.evaluation",
      path: ["evaluation"],
      message: `The expression is not eligible for ${evaluation} evaluation: ${eligibility[evaluation].reasons.map(({ message }) => message).join(" ")} Choose another evaluation or change the expression.`,
    });
  }
  const before = configuration.audiences.get(id);
  const status = input.status ?? before?.status ?? "published";
  if (status === "published" && (before?.status !== "published" || before.evaluation !== evaluation)) {
    const permitted = audienceRefusals(configuration, evaluation);
    if (!permitted.ok) issues.push(...permitted.error);
  }
  if (issues.length > 0) return err(issues);
  return ok({
    id,
    name: input.name,
    ...(input.description === undefined ? {} : { description: input.description }),
    expression: input.expression,
    evaluation,
    ...(mergePolicyId === undefined ? {} : { mergePolicyId }),
    ...(input.excludeOptOut === undefined ? {} : { excludeOptOut: input.excludeOptOut }),
    version: (before?.version ?? 0) + 1,
    status,
    since: now,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
    revision: before?.revision ?? 0,
  });
}

/** Type check and eligibility of an expression against what the sandbox has. */
export function checkAudience(pql: string, configuration: Configuration): ReturnType<typeof checkPql> {
  const audiences = [...configuration.audiences.values()].filter(
    (audience) => audience.status === "published",
  );
  const schema = configuration.schemas.person;
  return checkPql(pql, { audiences, wide: true, ...(schema === undefined ? {} : { schema }) });
}

/** The PQL text of an expression in either format. */
export function expressionText(expression: AudienceExpression): Result<string, readonly Issue[]> {
  if (expression.format === "pql/text") return ok(expression.value);
  let json: unknown;
  try {
    json = JSON.parse(expression.value);
  } catch {
    return err([
      {
        code: "audience.expression",
        path: ["expression", "value"],
        message: "Expected the JSON form of a query, got text that is not JSON.",
      },
    ]);
  }
  const ast = jsonToPql(json);
  return ast.ok ? ok(printPql(ast.value)) : ast;
}

/** Reads an expression `{ type: "PQL", format, value }`. */
export function parseExpression(input: unknown): Result<AudienceExpression, readonly Issue[]> {
  const expression = isObject(input) ? input : {};
  const { type = "PQL", format = "pql/text", value } = expression;
  if (
    type === "PQL" &&
    (format === "pql/text" || format === "pql/json") &&
    typeof value === "string" &&
    value.trim() !== ""
  ) {
    return ok({ type, format, value });
  }
  return err([
    {
      code: "audience.expression",
      path: ["expression"],
      expected: '{ type: "PQL", format: "pql/text" or "pql/json", value: a query }',
      came: describe(input),
      message: `expression: expected { type: "PQL", format: "pql/text" or "pql/json", value: a query }, got ${describe(input)}.`,
    },
  ]);
}

/** Writes an audience; false when someone else changed it meanwhile. */
export async function saveAudience(store: HubStore, audience: StoredAudience): Promise<boolean> {
  const { revision, ...body } = audience;
  const json = parseJson(body);
  if ("badPath" in json) throw new Error("An audience is JSON data.");
  const write = {
    kind: "audience",
    id: audience.id,
    expectedVersion: revision,
    body: json.value as JsonObject,
  };
  const committed = await store.commit({ ...emptyCommit, documents: [write] });
  return committed.ok;
}

const STEPS: { readonly [from in AudienceStatus]: readonly AudienceStatus[] } = {
  draft: ["published", "deleted"],
  published: ["inactive", "deleted"],
  inactive: ["published", "deleted"],
  deleted: [],
};

/** The audience in another status, or why not: a step that is not allowed, or others that depend on it. */
export function changeStatus(
  audience: StoredAudience,
  status: AudienceStatus,
  { now, dependents }: { readonly now: number; readonly dependents: readonly string[] },
): Result<StoredAudience, Issue> {
  if (!STEPS[audience.status].includes(status)) {
    const allowed = STEPS[audience.status].join(", ") || "nothing";
    return err({
      code: "audience.status",
      message: `From ${audience.status} an audience can become ${allowed}, not ${status}.`,
    });
  }
  if (status !== "published" && dependents.length > 0) {
    return err({
      code: "audience.dependents",
      message: `Used by ${dependents.join(", ")}. Change or remove them first.`,
    });
  }
  const { evaluatedAt: _evaluatedAt, ...rest } = audience;
  return ok({ ...rest, status, updatedAt: now, since: status === "published" ? now : audience.since });
}
