import type { Pql } from "../ast.ts";
import { children, nodes } from "../pql/walk.ts";
import { plainPath } from "../rows/item-condition.ts";
import type { Leaf } from "../rows/leaf.ts";
import type { Program } from "../rows/program.ts";

/** Which fields are kept in columns. Paths are dotted. */
export interface ColumnLayout {
  readonly attributes: readonly string[];
  /** The fields of an event that together make its kind. */
  readonly events: readonly string[];
  /** Fields of events that have many values, each a column of its own. */
  readonly values: readonly string[];
}

const SIMPLE: ReadonlySet<Pql["kind"]> = new Set([
  "and",
  "or",
  "not",
  "compare",
  "literal",
  "list",
  "field",
  "context",
  "occurs",
  "moment",
  "period",
  "offset",
]);

/** Whether an expression looks at whole values of plain fields only, so that those values decide it. */
function isSimple(node: Pql): boolean {
  for (const one of nodes(node)) {
    if (SIMPLE.has(one.kind)) continue;
    if (one.kind !== "call" || one.args.some((arg) => arg.kind === "lambda")) return false;
  }
  return true;
}

/** The plain fields that an expression names, the longest path of each. */
function plainPaths(node: Pql): readonly string[] {
  const path = plainPath(node);
  if (path !== undefined) return [path.join(".")];
  return children(node).flatMap(({ node: part }) => plainPaths(part));
}

const top = (path: string): string => path.split(".")[0] ?? path;

/** The columns that the leaves of attributes need. */
export function attributeColumns(leaf: Leaf): readonly string[] {
  if (leaf.kind !== "attribute" && leaf.kind !== "clock") return [];
  if (leaf.kind === "attribute" && leaf.node === "refuses")
    return ["consents.collect.val", "consents.personalize.content.val", "consents.marketing.any.val"];
  const simple = leaf.kind === "attribute" && leaf.node !== "refuses" && isSimple(leaf.node);
  return [...new Set(simple ? leaf.reads : leaf.reads.map(top))];
}

/** The columns that the audiences of a program need; `eventFields` is what its events are read for at all. */
export function layoutOf({ leaves, conditions }: Program, eventFields: readonly string[]): ColumnLayout {
  const attributes = new Set(leaves.flatMap(attributeColumns));
  const events = new Set<string>();
  for (const { parts } of conditions) {
    for (const part of parts) {
      for (const path of isSimple(part) ? plainPaths(part) : eventFields.map(top)) events.add(path);
    }
  }
  const values = new Set<string>();
  for (const leaf of leaves) {
    if (leaf.kind !== "fold") continue;
    const path = plainPath(leaf.value.node)?.join(".");
    if (path !== undefined && !events.has(path)) values.add(path);
    else if (path === undefined) {
      const simple = isSimple(leaf.value.node);
      for (const read of simple ? plainPaths(leaf.value.node) : eventFields.map(top)) events.add(read);
    }
  }
  return {
    attributes: [...attributes].sort(),
    events: [...events].sort(),
    values: [...values].filter((path) => !events.has(path)).sort(),
  };
}

/** What a layout lacks of another: columns that have to be filled from the persons before it can be answered. */
export function missingColumns(layout: ColumnLayout, wanted: ColumnLayout): readonly string[] {
  return [
    ...wanted.attributes.filter((path) => !layout.attributes.includes(path)),
    ...[...wanted.events, ...wanted.values]
      .filter((path) => !layout.events.includes(path) && !layout.values.includes(path))
      .map((path) => `xEvent.${path}`),
  ];
}

/** A layout with the columns of two. */
export function joinLayouts(a: ColumnLayout, b: ColumnLayout): ColumnLayout {
  const join = (x: readonly string[], y: readonly string[]): readonly string[] =>
    [...new Set([...x, ...y])].sort();
  const events = join(a.events, b.events);
  return {
    attributes: join(a.attributes, b.attributes),
    events,
    values: join(a.values, b.values).filter((path) => !events.includes(path)),
  };
}
