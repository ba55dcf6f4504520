import type { AudiencePlan } from "../plan.ts";
import type { EventCondition } from "./dispatch.ts";
import type { Leaf } from "./leaf.ts";
import { type Formula, Lowering } from "./lower.ts";

/** What a node of the program does with the results of its parts. */
const LEAF: number = 0;
/** All parts hold. */
export const AND: number = 1;
/** Any part holds. */
const OR: number = 2;
/** The one part does not hold. */
export const NOT: number = 3;

/**
 * All audiences as one flat boolean program. Nodes are numbered so that parts come before what they are parts of:
 * first the leaves (those on attributes first, by path), then the rest. `parts` of node n are
 * `parts[start[n]]` to `parts[start[n + 1] - 1]`.
 */
export interface Program {
  readonly leaves: readonly Leaf[];
  readonly conditions: readonly EventCondition[];
  readonly kinds: Uint8Array;
  readonly start: Int32Array;
  readonly parts: Int32Array;
  /** For each audience of the plan its node. */
  readonly audiences: Int32Array;
}

/** Takes the audiences of a plan apart and joins them into one program. */
export function programOf(plan: AudiencePlan): Program {
  const formulas = new Map<string, Formula>();
  const lowering = new Lowering((id) => formulas.get(id));
  for (const audience of plan.audiences) {
    const pql = plan.expressions.get(audience.id);
    if (pql === undefined) continue;
    lowering.entangled = false;
    const own = lowering.lower(pql);
    formulas.set(
      audience.id,
      lowering.entangled ? whole(lowering, audience.id) : guarded(lowering, audience, own),
    );
  }
  return flatten(
    plan.audiences.flatMap((audience) => formulas.get(audience.id) ?? []),
    lowering.conditions,
  );
}

function guarded(
  lowering: Lowering,
  audience: { readonly excludeOptOut?: boolean },
  formula: Formula,
): Formula {
  if (audience.excludeOptOut === false) return formula;
  return lowering.join("and", [lowering.not(lowering.refuses()), formula]);
}

function whole(lowering: Lowering, audience: string): Formula {
  return lowering.leaf(`audience ${audience}`, {
    kind: "history",
    decide: { audience },
    reason: "inSegment of an audience of the plan stands within another expression",
  });
}

function flatten(audiences: readonly Formula[], conditions: readonly EventCondition[]): Program {
  const used = new Map<number, Formula>();
  const order: Formula[] = [];
  const leaves: Extract<Formula, { readonly kind: "leaf" }>[] = [];
  const visit = (formula: Formula): void => {
    if (used.has(formula.id)) return;
    used.set(formula.id, formula);
    for (const part of partsOf(formula)) visit(part);
    if (formula.kind === "leaf") leaves.push(formula);
    else order.push(formula);
  };
  for (const audience of audiences) visit(audience);
  const sorted = leaves
    .map((formula) => ({ formula, key: sortKey(formula.leaf) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.formula.id - b.formula.id))
    .map(({ formula }) => formula);
  const all = [...sorted, ...order];
  const numbers = new Map(all.map((formula, number) => [formula.id, number]));
  const start = new Int32Array(all.length + 1);
  const parts: number[] = [];
  all.forEach((formula, number) => {
    for (const part of partsOf(formula)) parts.push(numbers.get(part.id) ?? 0);
    start[number + 1] = parts.length;
  });
  return {
    leaves: sorted.map((formula) => formula.leaf),
    conditions,
    kinds: Uint8Array.from(all, (formula) => KINDS[formula.kind]),
    start,
    parts: Int32Array.from(parts),
    audiences: Int32Array.from(audiences, (formula) => numbers.get(formula.id) ?? 0),
  };
}

const KINDS: Readonly<Record<Formula["kind"], number>> = { leaf: LEAF, and: AND, or: OR, not: NOT };

function partsOf(formula: Formula): readonly Formula[] {
  switch (formula.kind) {
    case "leaf":
      return [];
    case "not":
      return [formula.operand];
    default:
      return formula.items;
  }
}

function sortKey(leaf: Leaf): string {
  if (leaf.kind !== "attribute") return `2 ${leaf.kind}`;
  return leaf.path === undefined ? "1" : `0 ${leaf.path.join("\u0000")}`;
}
