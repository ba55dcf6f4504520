import type { Pql } from "../ast.ts";
import { mapChildren, nodes } from "../pql/walk.ts";

/** How a condition names the item it is about: by plain field names, by a name, or both. */
export interface ItemNames {
  readonly plain: boolean;
  readonly name?: string | undefined;
}

const BINDING: ReadonlySet<Pql["kind"]> = new Set(["quantifier", "select", "aggregate", "let", "chain"]);
const CLOCK: ReadonlySet<string> = new Set([
  "currentMonth",
  "currentYear",
  "currentDayOfMonth",
  "inSegment",
  "getMonth",
  "getYear",
  "getDayOfMonth",
]);

/** Whether the result can change with the clock alone. */
export function hangsOnClock(pql: Pql): boolean {
  for (const node of nodes(pql)) {
    if (node.kind === "moment" || node.kind === "period") return true;
    if (node.kind === "call" && node.name.startsWith("current")) return true;
  }
  return false;
}

/**
 * A condition on one item, written with plain field names; `undefined` when it reads anything but the item (the
 * person, an outer item, the clock, another name).
 */
export function itemCondition(body: Pql, names: ItemNames): Pql | undefined {
  for (const node of nodes(body)) {
    if (BINDING.has(node.kind) || node.kind === "parameter" || node.kind === "moment") return undefined;
    if (node.kind === "period" || (node.kind === "lambda" && node.params.length > 0)) return undefined;
    if (node.kind === "call" && CLOCK.has(node.name)) return undefined;
  }
  let own = true;
  const change = (node: Pql, depth: number): Pql => {
    if (node.kind === "variable") {
      if (node.name !== names.name) own = false;
      return { kind: "context", levels: depth };
    }
    if (node.kind === "context") {
      if (node.levels > depth || (node.levels === depth && !names.plain)) own = false;
      return node;
    }
    return mapChildren(node, (child, deeper) => change(child, depth + deeper));
  };
  const changed = change(body, 0);
  return own ? changed : undefined;
}

/** The conditions that a condition joins by `and`, all levels. */
export function conjuncts(condition: Pql): readonly Pql[] {
  return condition.kind === "and" ? condition.items.flatMap(conjuncts) : [condition];
}

/** The path of a plain field of the item; `undefined` for anything else. */
export function plainPath(node: Pql): readonly string[] | undefined {
  const path: string[] = [];
  let at = node;
  while (at.kind === "field") {
    path.unshift(at.name);
    at = at.object;
  }
  return at.kind === "context" && at.levels === 0 && path.length > 0 ? path : undefined;
}

/** A test of a field against given values: its path and the values of which it must be one. */
export function equalityOf(
  node: Pql,
): { readonly path: readonly string[]; readonly values: readonly (string | number | boolean)[] } | undefined {
  if (node.kind === "compare" && node.op === "=") {
    const [field, value] = node.left.kind === "literal" ? [node.right, node.left] : [node.left, node.right];
    const path = plainPath(field);
    if (path === undefined || value.kind !== "literal" || value.value === null) return undefined;
    return { path, values: [value.value] };
  }
  if (node.kind !== "call") return undefined;
  if (node.name === "equals") return textEquality(node.args, true);
  if (node.name !== "in" || node.args.length !== 2) return undefined;
  const [field, list] = node.args;
  const path = field && plainPath(field);
  if (path === undefined || list?.kind !== "list") return undefined;
  const values = list.items.flatMap((item) =>
    item.kind === "literal" && item.value !== null ? [item.value] : [],
  );
  return values.length === list.items.length ? { path, values } : undefined;
}

/** A test of a field against texts without regard to case: its path and the texts in lower case. */
export function foldedEqualityOf(
  node: Pql,
): { readonly path: readonly string[]; readonly values: readonly string[] } | undefined {
  if (node.kind !== "call" || node.name !== "equals") return undefined;
  const found = textEquality(node.args, false);
  return found && { path: found.path, values: found.values.map((value) => value.toLowerCase()) };
}

/** `field.equals("a", "b", …, caseSensitive?)` over given texts, if it is meant with the wanted regard to case. */
function textEquality(
  [field, ...others]: readonly Pql[],
  caseSensitive: boolean,
): { readonly path: readonly string[]; readonly values: readonly string[] } | undefined {
  const path = field && plainPath(field);
  const last = others.at(-1);
  const flag =
    others.length > 1 && last?.kind === "literal" && typeof last.value === "boolean" ? last.value : undefined;
  if (path === undefined || (flag ?? true) !== caseSensitive) return undefined;
  const sought = flag === undefined ? others : others.slice(0, -1);
  const values = sought.flatMap((item) =>
    item.kind === "literal" && typeof item.value === "string" ? [item.value] : [],
  );
  return values.length === 0 || values.length !== sought.length ? undefined : { path, values };
}
