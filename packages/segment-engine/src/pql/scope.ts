import type { Pql } from "../ast.ts";
import { mapChildren, someNode } from "./walk.ts";

/**
 * In `exists E from xEvent where eventType = "a"` nothing mentions `E`: then plain field names mean the fields of
 * the item, and the tree says so. Otherwise plain names are the person's, as everywhere.
 */
export function bindImplicit(where: Pql, variable: string): Pql {
  return mentions(where, variable) ? where : substitute(where, 0, variable);
}

/** Whether a variable of that name is used in the expression. */
function mentions(pql: Pql, variable: string): boolean {
  return someNode(pql, (node) => node.kind === "variable" && node.name === variable);
}

function substitute(node: Pql, level: number, variable: string): Pql {
  if (node.kind === "context") return node.levels === level ? { kind: "variable", name: variable } : node;
  return mapChildren(node, (child, deeper) => substitute(child, level + deeper, variable));
}
