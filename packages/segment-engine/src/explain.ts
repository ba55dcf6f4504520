import type { JsonValue } from "@tessera/xdm";
import type { ChainExpression, Pql } from "./ast.ts";
import { chainFinder } from "./evaluate/chain.ts";
import { ROOT, type Scope, withNames } from "./evaluate/code.ts";
import type { Compiler } from "./evaluate/compile.ts";
import type { EvaluationContext } from "./evaluate/context.ts";
import { MapEntry } from "./evaluate/map-entry.ts";
import { isMissing, itemsOf, truth } from "./evaluate/values.ts";
import { functionNamed } from "./pql/functions.ts";
import { printPql } from "./pql/print.ts";
import { mapChildren as mapAll, nodes } from "./pql/walk.ts";
import { MovingTime } from "./time/moving-time.ts";

/** Why a person is, or is not, in an audience. */
export interface Explanation {
  readonly audienceId: string;
  readonly member: boolean;
  /** The moment asked about, ISO 8601. */
  readonly at: string;
  /** Whether the person's consents keep them out, whatever the conditions say. */
  readonly refused: boolean;
  readonly because: ExplainedCondition;
  /** What would make a no a yes; all of it has to come true. Empty for a member. */
  readonly missing: readonly string[];
}

/** One condition, and what decided it. */
export interface ExplainedCondition {
  /** `all` and `any` are the connectives; `test` is one condition. */
  readonly kind: "all" | "any" | "not" | "if" | "let" | "test" | "list" | "sequence" | "audience";
  /** The condition as PQL. */
  readonly text: string;
  readonly holds: boolean;
  /** The values that were looked at, each with the expression that gave it; `null` for a missing one. */
  readonly values: readonly { readonly text: string; readonly value: JsonValue }[];
  /** The `_id` of the events that decided. */
  readonly events: readonly string[];
  /** For a condition that does not hold: what would have to be there. */
  readonly missing?: string;
  readonly conditions: readonly ExplainedCondition[];
}

/** What explaining needs: a person loaded into the context, and how to explain another audience of the plan. */
export interface Explaining {
  readonly compiler: Compiler;
  readonly context: EvaluationContext;
  readonly audience: (id: string) => ExplainedCondition | undefined;
}

/** Explains an expression for the person in the context. */
export function explainCondition(explaining: Explaining, pql: Pql, scope: Scope = ROOT): ExplainedCondition {
  const holds = truth(explaining.compiler.compile(pql, scope).run(explaining.context));
  const base = { text: printPql(pql), holds, values: [], events: [], conditions: [] };
  const inner = (part: Pql): ExplainedCondition => explainCondition(explaining, part, scope);
  switch (pql.kind) {
    case "and":
      return { ...base, kind: "all", conditions: pql.items.map(inner) };
    case "or":
      return {
        ...base,
        kind: "any",
        conditions: pql.items.map(inner),
        ...(holds ? {} : { missing: "one of these" }),
      };
    case "not": {
      const operand = inner(pql.operand);
      const missing = holds ? {} : { missing: `that this does not hold: ${operand.text}` };
      return { ...base, kind: "not", events: operand.events, conditions: [operand], ...missing };
    }
    case "if": {
      const test = inner(pql.test);
      return { ...base, kind: "if", conditions: [test, inner(test.holds ? pql.then : pql.otherwise)] };
    }
    case "lambda":
      return pql.params.length > 0 ? explainDefinition(explaining, pql) : inner(pql.body);
    case "let":
      return explainLet(explaining, pql, scope);
    case "chain":
      return explainChain(explaining, pql, scope);
    case "call":
      if (pql.name === "inSegment") return explainReference(explaining, pql, base);
      return explainTest(explaining, pql, scope);
    default:
      return explainTest(explaining, pql, scope);
  }
}

function explainDefinition(
  explaining: Explaining,
  pql: Pql & { readonly kind: "lambda" },
): ExplainedCondition {
  // The names of a whole definition stand for the person and the events.
  const [person, events] = pql.params;
  const named = replaceNames(pql.body, { person, events });
  return { ...explainCondition(explaining, named), text: printPql(pql) };
}

function replaceNames(
  body: Pql,
  names: { readonly person: string | undefined; readonly events: string | undefined },
): Pql {
  const visit = (node: Pql): Pql => {
    if (node.kind === "variable" && node.name === names.person) return { kind: "parameter", position: 1 };
    if (node.kind === "variable" && node.name === names.events) return { kind: "parameter", position: 2 };
    return mapAll(node, visit);
  };
  return visit(body);
}

function explainLet(
  explaining: Explaining,
  pql: Pql & { readonly kind: "let" },
  scope: Scope,
): ExplainedCondition {
  const value = explaining.compiler.compile(pql.value, scope).run(explaining.context);
  const slot = scope.next;
  explaining.context.env[slot] = value;
  const body = explainCondition(explaining, pql.body, withNames(scope, [[pql.name, slot]], slot + 1));
  return {
    kind: "let",
    text: printPql(pql),
    holds: body.holds,
    values: [{ text: pql.name, value: shown(value) }],
    events: eventsIn(explaining, pql.value, scope),
    conditions: [body],
  };
}

function explainReference(
  explaining: Explaining,
  pql: Pql & { readonly kind: "call" },
  base: Omit<ExplainedCondition, "kind">,
): ExplainedCondition {
  const [id] = pql.args;
  const name = id?.kind === "literal" && typeof id.value === "string" ? id.value : "";
  const other = explaining.audience(name);
  return {
    ...base,
    kind: "audience",
    conditions: other ? [other] : [],
    ...(base.holds ? {} : { missing: `membership in ${name}` }),
  };
}

function explainChain(explaining: Explaining, pql: ChainExpression, scope: Scope): ExplainedCondition {
  const { compiler, context } = explaining;
  const search = (steps: ChainExpression["steps"]) =>
    chainFinder(compiler, { ...pql, steps }, scope).find(context);
  const found = search(pql.steps);
  const text = printPql(pql);
  const holds = found !== undefined;
  let length = pql.steps.length;
  let best = found;
  while (best === undefined && length > 0) {
    length--;
    if (length > 0) best = search(pql.steps.slice(0, length));
  }
  const events = (best?.taken ?? []).flatMap((index) => idOf(best?.items[index]));
  const conditions = pql.steps.map((step, index): ExplainedCondition => {
    const item = best?.items[best.taken[index] ?? -1];
    return {
      kind: "test",
      text: stepText(pql, index),
      holds: holds || index < length,
      values: [],
      events: idOf(item),
      conditions: [],
    };
  });
  if (holds) return { kind: "sequence", text, holds, values: [], events, conditions };
  const step = pql.steps[length];
  const where = length === 0 ? "" : " after the steps before it";
  const missing = step?.negated
    ? `that no event matches step ${length + 1} ${length === 0 ? "here" : "between its neighbours"}: ${stepText(pql, length)}`
    : `an event for step ${length + 1}${where}: ${stepText(pql, length)}`;
  return { kind: "sequence", text, holds, values: [], events, missing, conditions };
}

function stepText(pql: ChainExpression, index: number): string {
  const step = pql.steps[index];
  if (step === undefined) return "";
  const text = printPql({ ...pql, steps: [step] });
  return text.slice(text.indexOf("[") + 1, -2);
}

/** A single condition: the values that it compares, and the events behind them. */
function explainTest(explaining: Explaining, pql: Pql, scope: Scope): ExplainedCondition {
  const holds = truth(explaining.compiler.compile(pql, scope).run(explaining.context));
  const values = operandsOf(pql).map((operand) => ({
    text: printPql(operand),
    value: shown(explaining.compiler.compile(operand, scope).run(explaining.context)),
  }));
  const events = eventsIn(explaining, pql, scope);
  const list = pql.kind === "quantifier" || pql.kind === "select" || pql.kind === "call";
  const conditions = holds ? [] : nearMisses(explaining, pql, scope);
  const kind = list && conditions.length > 0 ? "list" : "test";
  const base = { kind, text: printPql(pql), holds, values, events, conditions } as const;
  return holds ? base : { ...base, missing: missingText(pql, values) };
}

/** The parts whose values decide a condition. */
function operandsOf(pql: Pql): readonly Pql[] {
  const parts = ((): readonly Pql[] => {
    switch (pql.kind) {
      case "compare":
      case "arithmetic":
        return [pql.left, pql.right];
      case "occurs":
        return [pql.subject, ...timesOf(pql.when)];
      case "call":
        return isListTest(pql) ? [] : pql.args.filter((arg) => arg.kind !== "lambda");
      case "quantifier":
      case "select":
        return [];
      default:
        return [pql];
    }
  })();
  return parts.filter(
    (part) =>
      part.kind !== "literal" &&
      !(part.kind === "list" && part.items.every((item) => item.kind === "literal")),
  );
}

function isListTest(pql: Pql & { readonly kind: "call" }): boolean {
  return functionNamed(pql.name)?.family === "list" && pql.args.some((arg) => arg.kind === "lambda");
}

function timesOf(when: (Pql & { readonly kind: "occurs" })["when"]): readonly Pql[] {
  const times =
    when.kind === "within" ? [when.from] : when.kind === "between" ? [when.start, when.end] : [when.time];
  return times.filter((time) => time.kind !== "moment" && time.kind !== "period" && time.kind !== "offset");
}

/** What would make a condition true. */
function missingText(pql: Pql, values: ExplainedCondition["values"]): string {
  const absent = values.filter((one) => one.value === null).map((one) => one.text);
  if (absent.length > 0) return `a value of ${absent.join(" and of ")}`;
  if (
    (pql.kind === "quantifier" && pql.quantifier === "forall") ||
    (pql.kind === "call" && pql.name === "forall")
  )
    return "that every item fulfils the condition";
  if (pql.kind === "quantifier" && pql.quantifier === "none") return "that no item fulfils the condition";
  if (pql.kind === "quantifier" || pql.kind === "select" || (pql.kind === "call" && isListTest(pql))) {
    return "an item that fulfils the condition";
  }
  const [only] = values;
  return only === undefined ? "this" : `another value of ${only.text}`;
}

/** For a list without a fitting item: how many items fulfil each part of the condition. */
function nearMisses(explaining: Explaining, pql: Pql, scope: Scope): readonly ExplainedCondition[] {
  const part = listCondition(pql);
  if (part === undefined) return [];
  const { compiler, context } = explaining;
  const items = itemsOf(compiler.compile(part.list, scope).run(context)) ?? [];
  const wanted = part.condition.kind === "and" ? part.condition.items : [part.condition];
  return wanted.map((condition): ExplainedCondition => {
    const test: Pql = { kind: "call", name: "filter", args: [part.list, part.wrap(condition)] };
    const fitting = itemsOf(compiler.compile(test, scope).run(context)) ?? [];
    return {
      kind: "test",
      text: printPql(condition),
      holds: fitting.length > 0,
      values: [{ text: `items that fulfil it, of ${items.length}`, value: fitting.length }],
      events: fitting.flatMap(idOf).slice(0, MOST_EVENTS),
      conditions: [],
    };
  });
}

function listCondition(
  pql: Pql,
): { readonly list: Pql; readonly condition: Pql; readonly wrap: (condition: Pql) => Pql } | undefined {
  if (pql.kind === "call" && (pql.name === "exists" || pql.name === "filter")) {
    const [list, lambda] = pql.args;
    if (list === undefined || lambda?.kind !== "lambda" || lambda.params.length > 1) return undefined;
    return { list, condition: lambda.body, wrap: (body) => ({ ...lambda, body }) };
  }
  if ((pql.kind === "quantifier" && pql.quantifier === "exists") || pql.kind === "select") {
    const [first] = pql.variables;
    if (first?.where === undefined) return undefined;
    // Without a plain name in it, the condition means the same inside a lambda.
    if ([...nodes(first.where)].some((node) => node.kind === "context")) return undefined;
    return {
      list: first.from,
      condition: first.where,
      wrap: (body) => ({ kind: "lambda", params: [first.name], body }),
    };
  }
  return undefined;
}

const MOST_EVENTS = 50;

/** The events behind an expression: the items of the lists it looks at, up to 50. */
function eventsIn(explaining: Explaining, pql: Pql, scope: Scope): readonly string[] {
  const run = (node: Pql): unknown => explaining.compiler.compile(node, scope).run(explaining.context);
  const found = new Set<string>();
  const visit = (node: Pql): void => {
    if (node.kind === "compare" || node.kind === "arithmetic") {
      visit(node.left);
      visit(node.right);
    } else if (node.kind === "select") add(run(node));
    else if (node.kind === "quantifier" || node.kind === "aggregate") {
      const selected: Pql = { kind: "select", variables: node.variables };
      if (node.kind === "aggregate" || node.quantifier !== "forall") add(run(selected));
    } else if (node.kind === "call") {
      const [list, lambda] = node.args;
      if (node.name === "exists" && list && lambda)
        add(run({ kind: "call", name: "filter", args: [list, lambda] }));
      else if (node.name === "filter") add(run(node));
      else if (list) {
        const value = run(list);
        if (Array.isArray(value) && list.kind !== "field") add(value);
        visit(list);
      }
    }
  };
  const add = (value: unknown): void => {
    for (const item of itemsOf(value) ?? []) for (const id of idOf(item)) found.add(id);
  };
  visit(pql);
  return [...found].slice(0, MOST_EVENTS);
}

function idOf(item: unknown): readonly string[] {
  if (typeof item !== "object" || item === null || !("_id" in item) || !("timestamp" in item)) return [];
  return typeof item._id === "string" ? [item._id] : [];
}

/** A value as JSON that can be shown: times as ISO 8601, long lists cut to their first ten items. */
function shown(value: unknown, depth = 0): JsonValue {
  if (isMissing(value)) return null;
  if (value instanceof MovingTime) return new Date(value.start).toISOString();
  if (value instanceof MapEntry) return { [String(value.key)]: shown(value.value, depth + 1) };
  if (Array.isArray(value)) {
    const ids = value.flatMap(idOf);
    if (value.length > 0 && ids.length === value.length) return `${value.length} events`;
    return value.slice(0, 10).map((item) => shown(item, depth + 1));
  }
  if (value instanceof Map) {
    return Object.fromEntries(
      [...value].slice(0, 10).map(([key, item]) => [String(key), shown(item, depth + 1)]),
    );
  }
  if (typeof value === "object") {
    if (depth > 2) return "an object";
    return Object.fromEntries(
      Object.entries(value)
        .slice(0, 10)
        .map(([key, item]) => [key, shown(item, depth + 1)]),
    );
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : String(value);
}
