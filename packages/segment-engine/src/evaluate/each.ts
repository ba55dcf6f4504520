import type { Pql } from "../ast.ts";
import { MapEntry } from "./map-entry.ts";
import { type Code, joinFree, type Run, type Scope, without } from "./code.ts";
import type { Compiler } from "./compile.ts";
import type { EvaluationContext } from "./context.ts";
import { best, fold } from "./list.ts";
import { entriesOf, isMissing, itemsOf, truth, valueKey } from "./values.ts";

/** The functions that work something out for each item of a list. */
export const EACH: ReadonlySet<string> = new Set([
  "filter",
  "map",
  "exists",
  "forall",
  "groupBy",
  "topN",
  "bottomN",
  "sum",
  "average",
  "min",
  "max",
]);

/** Runs a condition or value for each item. */
interface Each {
  /** The items, each with a way to put it into its variables. */
  readonly over: (context: EvaluationContext) => readonly Entry[];
  readonly value: (context: EvaluationContext, entry: Entry) => unknown;
}

interface Entry {
  readonly item: unknown;
  readonly key?: unknown;
}

/** Compiles a call whose argument is worked out for each item: implicitly, or by a lambda of one or two names. */
export function compileEach(compiler: Compiler, node: Pql & { readonly kind: "call" }, scope: Scope): Code {
  const [listNode, eachNode, amountNode] = node.args;
  if (listNode === undefined || eachNode === undefined) return compiler.constant("Null null", null);
  const list = compiler.compile(listNode, scope);
  const { slots, code, key } = compiler.each(eachNode, scope);
  const amount = amountNode && compiler.compile(amountNode, scope);
  const [first = 0, second] = slots;
  const each: Each = {
    over: (context) => {
      const value = list.run(context);
      if (second !== undefined) return entriesOf(value).map(([entryKey, item]) => ({ item, key: entryKey }));
      return (itemsOf(value) ?? []).map((item) => ({ item }));
    },
    value: (context, entry) => {
      if (second === undefined) context.env[first] = entry.item;
      else {
        context.env[first] = entry.key;
        context.env[second] = entry.item;
      }
      return code.run(context);
    },
  };
  const free = joinFree(list.free, without(code.free, ...slots), amount?.free ?? new Set());
  const name = `${node.name} ${list.id} ${key} ${amount?.id ?? ""}`;
  return compiler.table.intern(name, free, () => build(node.name, each, amount?.run), true);
}

function build(name: string, each: Each, amount: Run | undefined): Run {
  switch (name) {
    case "filter":
      return (context) =>
        each
          .over(context)
          .filter((entry) => truth(each.value(context, entry)))
          .map((entry) => entry.item);
    case "exists":
      return (context) => each.over(context).some((entry) => truth(each.value(context, entry)));
    case "forall":
      return (context) => each.over(context).every((entry) => truth(each.value(context, entry)));
    case "map":
      return (context) => collect(each.over(context).map((entry) => each.value(context, entry)));
    case "groupBy":
      return (context) =>
        groups(each.over(context).map((entry) => [each.value(context, entry), entry.item] as const));
    case "topN":
    case "bottomN":
      return (context) => {
        const count = amount?.(context);
        const keyed = each
          .over(context)
          .map((entry) => ({ item: entry.item, key: each.value(context, entry) }));
        return typeof count === "number" ? best(keyed, count, name === "topN") : [];
      };
    default:
      return (context) => {
        const values = each.over(context).map((entry) => each.value(context, entry));
        return fold(name as "sum" | "average" | "min" | "max", values);
      };
  }
}

/** A list of values; a map when every value is an entry made by `mapEntry`. */
function collect(values: readonly unknown[]): unknown {
  if (values.length === 0 || !values.every((value) => value instanceof MapEntry)) {
    return values.map((value) => value ?? null);
  }
  return new Map(values.map((entry) => [entry.key, entry.value]));
}

/** Items by key, in order of the first of each; items without a key are left out. */
function groups(keyed: readonly (readonly [unknown, unknown])[]): ReadonlyMap<unknown, readonly unknown[]> {
  const found = new Map<string, { readonly key: unknown; readonly items: unknown[] }>();
  for (const [key, item] of keyed) {
    if (isMissing(key)) continue;
    const text = valueKey(key);
    const group = found.get(text);
    if (group) group.items.push(item);
    else found.set(text, { key, items: [item] });
  }
  return new Map([...found.values()].map((group) => [group.key, group.items]));
}
