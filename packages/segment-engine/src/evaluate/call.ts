import type { Pql } from "../ast.ts";
import { dayOfMonthOf, monthOf, startOfUnit, yearOf } from "../time/calendar.ts";
import { MovingTime, reached, timeOf } from "../time/moving-time.ts";
import { type Code, joinFree, type Run, type Scope } from "./code.ts";
import type { Compiler } from "./compile.ts";
import type { EvaluationContext } from "./context.ts";
import { compileEach, EACH } from "./each.ts";
import { distinct, fold, holds } from "./list.ts";
import { MapEntry } from "./map-entry.ts";
import { likePattern, regexMemory, TEXT_TESTS } from "./text.ts";
import { compare, entriesOf, equal, fieldOf, isMissing, itemsOf } from "./values.ts";

/** The closure of a function applied to compiled arguments. */
type Build = (args: readonly Run[], node: Pql & { readonly kind: "call" }) => Run;

const AGGREGATIONS = new Set(["count", "sum", "average", "min", "max"]);

/** Compiles a call of any function. */
export function compileCall(compiler: Compiler, node: Pql & { readonly kind: "call" }, scope: Scope): Code {
  if (node.name === "inSegment") return inSegment(compiler, node);
  if (EACH.has(node.name) && node.args[1] !== undefined) return compileEach(compiler, node, scope);
  const codes = node.args.map((arg) => compiler.compile(arg, scope));
  const build = BUILDERS[node.name];
  if (build === undefined) return compiler.constant("Null null", null);
  const key = `${node.name} ${codes.map((code) => code.id).join(" ")}`;
  const free = joinFree(...codes.map((code) => code.free));
  return compiler.table.intern(
    key,
    free,
    () =>
      build(
        codes.map((code) => code.run),
        node,
      ),
    true,
  );
}

function inSegment(compiler: Compiler, node: Pql & { readonly kind: "call" }): Code {
  const [id, namespace] = node.args.map((arg) =>
    arg.kind === "literal" && typeof arg.value === "string" ? arg.value : undefined,
  );
  if (id === undefined) return compiler.constant("Null null", null);
  const number = namespace === undefined || namespace === "ups" ? compiler.audience(id) : undefined;
  const key = `inSegment ${JSON.stringify([id, namespace ?? null])}`;
  return compiler.table.intern(key, new Set(), () =>
    number === undefined
      ? (context) => context.memberElsewhere(id, namespace)
      : (context) => context.decide(number),
  );
}

const none: Run = () => undefined;

function textTest(name: string): Build {
  const spec = TEXT_TESTS[name];
  return ([subject = none, sought = none, flag]) =>
    (context) => {
      const [a, b] = [subject(context), sought(context)];
      if (spec === undefined || typeof a !== "string" || typeof b !== "string") return false;
      const sensitive = flag === undefined || flag(context) !== false;
      const found = sensitive ? spec.test(a, b) : spec.test(a.toLowerCase(), b.toLowerCase());
      return found !== spec.negative;
    };
}

/** `equals("a", "b", …, caseSensitive?)`: a last truth value after a text is the flag, otherwise a value to compare. */
function equality(negative: boolean): Build {
  return ([subject = none, ...others]) =>
    (context) => {
      const value = subject(context);
      const values = others.map((other) => other(context));
      const last = values[values.length - 1];
      const flagged = values.length > 1 && typeof last === "boolean";
      const sought = flagged ? values.slice(0, -1) : values;
      if (isMissing(value) || sought.some(isMissing)) return false;
      if (!flagged || last) {
        return negative
          ? sought.every((one) => compare(context, "!=", value, one))
          : sought.some((one) => equal(context, value, one));
      }
      if (typeof value !== "string" || sought.some((one) => typeof one !== "string")) return false;
      const lower = value.toLowerCase();
      return sought.some((one) => typeof one === "string" && one.toLowerCase() === lower) !== negative;
    };
}

function membership(negative: boolean): Build {
  return ([left = none, right = none]) =>
    (context) => {
      const [value, list] = [left(context), right(context)];
      if (isMissing(value) || !(Array.isArray(list) || list instanceof Map)) return false;
      return holds(context, itemsOf(list) ?? [], value) !== negative;
    };
}

/** Two lists; missing on either side gives `otherwise`. */
function lists(
  otherwise: unknown,
  decide: (context: EvaluationContext, a: readonly unknown[], b: readonly unknown[]) => unknown,
): Build {
  return ([left = none, right = none]) =>
    (context) => {
      const [a, b] = [itemsOf(left(context)), itemsOf(right(context))];
      return a && b ? decide(context, a, b) : otherwise;
    };
}

function matches(
  node: Pql & { readonly kind: "call" },
): (context: EvaluationContext, pattern: Run) => ReturnType<ReturnType<typeof regexMemory>> {
  const memory = regexMemory();
  const written = node.args[1];
  const fixed =
    written?.kind === "literal" && typeof written.value === "string" ? memory(written.value) : undefined;
  return (context, pattern) => {
    if (fixed) return fixed;
    const text = pattern(context);
    return typeof text === "string" ? memory(text) : undefined;
  };
}

/** A part of a date; of a time that moves, it may change with the next unit. */
function datePart(part: (ms: number) => number): Build {
  return ([subject = none]) =>
    (context) => {
      const time = timeOf(subject(context));
      if (time === undefined) return null;
      if (time.reach) {
        const day = startOfUnit(time.start, "day");
        reached(context, time, day + 86_400_000);
      }
      return part(time.start);
    };
}

function currentPart(part: (ms: number) => number): Build {
  return () => (context) => {
    context.note(startOfUnit(context.now, "day") + 86_400_000);
    return part(context.now);
  };
}

const BUILDERS: Readonly<Record<string, Build>> = {
  ...Object.fromEntries(Object.keys(TEXT_TESTS).map((name) => [name, textTest(name)])),
  ...Object.fromEntries(
    [...AGGREGATIONS].map((name): [string, Build] => [
      name,
      ([subject = none]) =>
        (context) =>
          fold(name as "count" | "sum" | "average" | "min" | "max", itemsOf(subject(context)) ?? []),
    ]),
  ),
  equals: equality(false),
  notEqualTo: equality(true),
  like: ([subject = none, pattern = none], node) => {
    const written = node.args[1];
    const fixed =
      written?.kind === "literal" && typeof written.value === "string"
        ? likePattern(written.value)
        : undefined;
    return (context) => {
      const [text, sought] = [subject(context), pattern(context)];
      if (typeof text !== "string" || typeof sought !== "string") return false;
      return (fixed ?? likePattern(sought))(text);
    };
  },
  matches: ([subject = none, pattern = none], node) => {
    const regex = matches(node);
    return (context) => {
      const text = subject(context);
      return typeof text === "string" && regex(context, pattern)?.found(text) === true;
    };
  },
  regexGroup: ([subject = none, pattern = none, group], node) => {
    const regex = matches(node);
    return (context) => {
      const text = subject(context);
      const found = regex(context, pattern);
      if (typeof text !== "string" || found === undefined) return null;
      const number = group === undefined ? Math.min(1, found.groups) : group(context);
      if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > found.groups)
        return null;
      return found.group(text, number) ?? null;
    };
  },
  in: membership(false),
  notIn: membership(true),
  intersects: lists(false, (context, a, b) => a.some((item) => holds(context, b, item))),
  intersection: lists([], (context, a, b) => distinct(a.filter((item) => holds(context, b, item)))),
  subsetOf: lists(false, (context, a, b) => a.every((item) => holds(context, b, item))),
  supersetOf: lists(false, (context, a, b) => b.every((item) => holds(context, a, item))),
  includes:
    ([subject = none, item = none]) =>
    (context) => {
      const items = itemsOf(subject(context));
      return items !== undefined && holds(context, items, item(context));
    },
  distinct:
    ([subject = none]) =>
    (context) =>
      distinct(itemsOf(subject(context)) ?? []),
  exists:
    ([subject = none]) =>
    (context) =>
      (itemsOf(subject(context)) ?? []).length > 0,
  head:
    ([subject = none]) =>
    (context) =>
      itemsOf(subject(context))?.[0] ?? null,
  get:
    ([subject = none, key = none]) =>
    (context) => {
      const [map, name] = [subject(context), key(context)];
      if (map instanceof Map) return map.get(name) ?? null;
      if (Array.isArray(map) && typeof name === "number") return map[name] ?? null;
      return typeof name === "string" || typeof name === "number"
        ? (fieldOf(map, String(name)) ?? null)
        : null;
    },
  keys:
    ([subject = none]) =>
    (context) =>
      entriesOf(subject(context)).map(([key]) => key),
  values:
    ([subject = none]) =>
    (context) =>
      entriesOf(subject(context)).map(([, value]) => value),
  mapEntry:
    ([key = none, value = none]) =>
    (context) =>
      new MapEntry(key(context), value(context)),
  isNull:
    ([subject = none]) =>
    (context) =>
      isMissing(subject(context)),
  isNotNull:
    ([subject = none]) =>
    (context) =>
      !isMissing(subject(context)),
  getMonth: datePart(monthOf),
  getYear: datePart(yearOf),
  getDayOfMonth: datePart(dayOfMonthOf),
  currentMonth: currentPart(monthOf),
  currentYear: currentPart(yearOf),
  currentDayOfMonth: currentPart(dayOfMonthOf),
  date:
    ([year = none, month = none, day = none]) =>
    (context) =>
      civilDate(year(context), month(context), day(context)),
};

/** A whole UTC day; null when there is no such day. */
function civilDate(year: unknown, month: unknown, day: unknown): MovingTime | null {
  if (typeof year !== "number" || typeof month !== "number" || typeof day !== "number") return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const ms = date.getTime();
  const real =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real ? new MovingTime(ms, ms + 86_400_000) : null;
}
