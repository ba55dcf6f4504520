import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import { checkPql, compileAudiences, jsonToPql, parsePql, referredTo } from "@tessera/segment-engine";
import {
  type AudienceDefinition,
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
import type { Configuration, StoredAudience, WaitingVersion } from "./configuration.ts";
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

/** What an edit is planned against. */
interface AudienceScene {
  readonly id: string;
  readonly now: number;
  readonly configuration: Configuration;
}

/**
 * Checks an audience before it is saved: its name, its expression, its evaluation, references in a circle; every issue
 * at once. An edit that may change who is in a published audience becomes a version that waits (`next`); the one in force
 * stays until the new one is worked out for everyone.
 */
export function planAudience(
  input: AudienceInput,
  { id, now, configuration }: AudienceScene,
): Result<StoredAudience, readonly Issue[]> {
  const issues: Issue[] = [...nameIssues(input.name, { id, configuration })];
  const before = configuration.audiences.get(id);
  if (before?.composition !== undefined) issues.push(OF_COMPOSITION);
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
  const status = input.status ?? before?.status ?? "published";
  if (status === "published" && (before?.status !== "published" || before.evaluation !== evaluation)) {
    const permitted = audienceRefusals(configuration, evaluation);
    if (!permitted.ok) issues.push(...permitted.error);
  }
  const definition: WaitingVersion["definition"] = {
    name: input.name,
    ...(input.description === undefined ? {} : { description: input.description }),
    expression: input.expression,
    evaluation,
    ...(mergePolicyId === undefined ? {} : { mergePolicyId }),
    ...(input.excludeOptOut === undefined ? {} : { excludeOptOut: input.excludeOptOut }),
    version: (before === undefined ? 0 : newestOf(before).version) + 1,
    updatedAt: now,
  };
  if (check.valid) issues.push(...circles({ ...definition, id }, configuration));
  if (issues.length > 0) return err(issues);
  if (before?.status === "published" && status === "published") return ok(edited(before, definition, now));
  return ok({
    id,
    ...definition,
    status,
    since: now,
    createdAt: before?.createdAt ?? now,
    revision: before?.revision ?? 0,
  });
}

/** An audience with its newest definition, whether that is in force yet or not. */
export function newestOf(audience: StoredAudience): StoredAudience {
  const { next, ...inForce } = audience;
  if (next === undefined) return inForce;
  const { description: _description, mergePolicyId: _policy, excludeOptOut: _optOut, ...rest } = inForce;
  return { ...rest, ...next.definition };
}

function edited(
  before: StoredAudience,
  definition: WaitingVersion["definition"],
  now: number,
): StoredAudience {
  const { next: _next, ...inForce } = before;
  const who = ({ expression, evaluation, mergePolicyId, excludeOptOut }: typeof definition): string =>
    JSON.stringify([expression, evaluation, mergePolicyId, excludeOptOut ?? true]);
  // Who is in it stays as it is: nothing has to be worked out.
  if (who(before) === who(definition)) {
    const { description: _description, ...rest } = inForce;
    return { ...rest, ...definition };
  }
  return { ...inForce, next: { definition, since: now } };
}

/** What is wrong with the name of an audience. */
export function nameIssues(
  name: string,
  { id, configuration }: Pick<AudienceScene, "id" | "configuration">,
): readonly Issue[] {
  const issues: Issue[] = [];
  if (name.trim() === "" || name.length > NAME_MAX) {
    issues.push({
      code: "audience.name",
      path: ["name"],
      message: `Expected a name of 1 to ${NAME_MAX} characters, got ${describe(name)}.`,
    });
  }
  const taken = [...configuration.audiences.values()].some(
    (other) =>
      other.id !== id &&
      other.status !== "deleted" &&
      (other.name === name || other.next?.definition.name === name),
  );
  if (taken) {
    issues.push({
      code: "audience.name.taken",
      path: ["name"],
      message: "Another audience has this name already. Choose another name.",
    });
  }
  return issues;
}

const OF_COMPOSITION: Issue = {
  code: "audience.composition",
  message: "This audience comes out of a composition. Change the composition instead.",
};

/** References in a circle, as the others are and as they will be. */
export function circles(audience: AudienceDefinition, { audiences }: Configuration): readonly Issue[] {
  const others = [...audiences.values()].filter(
    ({ id, status }) => id !== audience.id && status === "published",
  );
  for (const list of [others, others.map(newestOf)]) {
    const plan = compileAudiences([...list, audience]);
    if (!plan.ok) return plan.error.map(({ path: _path, ...issue }) => issue);
  }
  return [];
}

/** Type check and eligibility of an expression against what the sandbox has. */
export function checkAudience(pql: string, configuration: Configuration): ReturnType<typeof checkPql> {
  const audiences = [...configuration.audiences.values()].filter(
    (audience) => audience.status === "published",
  );
  const schema = configuration.schemas.person;
  const wide = configuration.eligibility === "wide";
  return checkPql(pql, { audiences, wide, ...(schema === undefined ? {} : { schema }) });
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
  return jsonToPql(json);
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

/** Writes an audience, and what belongs to it; false when someone else changed it meanwhile. */
export async function saveAudience(
  store: HubStore,
  audience: StoredAudience,
  beside: readonly DocumentWrite[] = [],
): Promise<boolean> {
  const committed = await store.commit({ ...emptyCommit, documents: [audienceWrite(audience), ...beside] });
  return committed.ok;
}

/** The document of an audience, guarded by the revision that was read. */
export function audienceWrite(audience: StoredAudience): DocumentWrite {
  const { revision, ...body } = audience;
  const json = parseJson(body);
  if ("badPath" in json) throw new Error("An audience is JSON data.");
  return { kind: "audience", id: audience.id, expectedVersion: revision, body: json.value as JsonObject };
}

const STEPS: { readonly [from in AudienceStatus]: readonly AudienceStatus[] } = {
  draft: ["published", "deleted"],
  published: ["inactive", "deleted"],
  inactive: ["published", "deleted"],
  deleted: [],
};

/**
 * The audience in another status, or why not: a step that is not allowed, others that depend on it, a limit, or a part
 * of it that is not published.
 */
export function changeStatus(
  audience: StoredAudience,
  status: AudienceStatus,
  { now, configuration }: { readonly now: number; readonly configuration: Configuration },
): Result<StoredAudience, readonly Issue[]> {
  if (!STEPS[audience.status].includes(status)) {
    const allowed = STEPS[audience.status].join(", ") || "nothing";
    return err([
      {
        code: "audience.status",
        message: `From ${audience.status} an audience can become ${allowed}, not ${status}.`,
      },
    ]);
  }
  const issues = status === "published" ? beforePublishing(audience, configuration) : [];
  const dependents = status === "published" ? [] : dependentsOf(audience.id, configuration);
  if (dependents.length > 0) {
    issues.push({
      code: "audience.dependents",
      message: `Used by ${dependents.join(", ")}. Change or remove them first.`,
    });
  }
  if (issues.length > 0) return err(issues);
  const { evaluatedAt: _evaluatedAt, ...rest } = newestOf(audience);
  return ok({ ...rest, status, updatedAt: now, since: status === "published" ? now : audience.since });
}

function beforePublishing(audience: StoredAudience, configuration: Configuration): Issue[] {
  const issues: Issue[] = [];
  const permitted = audienceRefusals(configuration, audience.evaluation);
  if (!permitted.ok) issues.push(...permitted.error);
  const absent = partsOf(audience).filter(
    (id) => configuration.audiences.has(id) && configuration.audiences.get(id)?.status !== "published",
  );
  if (absent.length > 0) {
    const names = absent.map((id) => configuration.audiences.get(id)?.name ?? id).join(", ");
    issues.push({
      code: "audience.parts",
      message: `It refers to ${names}, not published. Publish that first, or take the reference out.`,
    });
  }
  issues.push(...circles(audience, configuration));
  return issues;
}

/** The names of audiences that refer to this one, in the version in force or in one that waits. */
export function dependentsOf(id: string, { audiences }: Configuration): readonly string[] {
  return [...audiences.values()]
    .filter((other) => other.id !== id && other.status === "published")
    .filter((other) => partsOf(other).includes(id) || partsOf(newestOf(other)).includes(id))
    .map((other) => other.name);
}

/** The audiences that one refers to. */
function partsOf(audience: StoredAudience): readonly string[] {
  const text = expressionText(audience.expression);
  const parsed = text.ok ? parsePql(text.value) : text;
  return parsed.ok ? referredTo(parsed.value) : [];
}
