import { err, type Issue, type JsonValue, ok, parseInstant, type Result } from "@tessera/xdm";
import { Compiler } from "./evaluate/compile.ts";
import { EvaluationContext } from "./evaluate/context.ts";
import { MapEntry } from "./evaluate/map-entry.ts";
import { isMissing } from "./evaluate/values.ts";
import { personOf } from "./evaluate-pql.ts";
import { parsePql } from "./pql/parse.ts";
import { MovingTime } from "./time/moving-time.ts";

/** An expression ready to be worked out for many profiles. */
export interface ValuePlan {
  /** The value for one profile at a moment (`now`, ISO 8601); null when it is missing. */
  readonly valueOf: (profile: unknown, options: { readonly now: string }) => Result<JsonValue, Issue[]>;
}

/**
 * Makes an expression ready that gives a value rather than a yes or no, for mappings: `orders.map(total).sum()`. A time
 * comes as ISO 8601, a map as an object, a list of entries as a list.
 */
export function compileValue(pql: string): Result<ValuePlan, Issue[]> {
  const parsed = parsePql(pql);
  if (!parsed.ok) return parsed;
  const compiler = new Compiler(() => undefined);
  const code = compiler.compile(parsed.value);
  const context = new EvaluationContext();
  return ok({
    valueOf: (profile, { now }) => {
      const time = parseInstant(now);
      const person = personOf(profile);
      const issues: Issue[] = [];
      if (!time.ok) issues.push({ ...time.error, code: "evaluate.now", path: ["now"] });
      if (!person.ok) issues.push(person.error);
      if (!time.ok || !person.ok) return err(issues);
      if (context.stamps.length < compiler.table.memoSlots)
        context.stamps = new Uint32Array(compiler.table.memoSlots);
      context.begin(person.value, time.value);
      return ok(jsonOf(code.run(context)));
    },
  });
}

/** The value of one PQL text for one profile at a moment; see `compileValue`, which is for many profiles. */
export function evaluateValue(
  pql: string,
  profile: unknown,
  options: { readonly now: string },
): Result<JsonValue, Issue[]> {
  const plan = compileValue(pql);
  return plan.ok ? plan.value.valueOf(profile, options) : plan;
}

function jsonOf(value: unknown): JsonValue {
  if (isMissing(value)) return null;
  if (value instanceof MovingTime) return new Date(value.start).toISOString();
  if (value instanceof MapEntry) return { [String(value.key)]: jsonOf(value.value) };
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, item]) => [String(key), jsonOf(item)]));
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  return typeof value === "string" || typeof value === "boolean" ? value : String(value);
}
