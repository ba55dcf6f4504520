import type { AamItemPlan } from "./plan.ts";
import type { LeftOutReason } from "./identity-filter.ts";
import { type RouteTotals, totalRoutes } from "./region-router.ts";

/** A run at a glance: no identity value in it. */
export interface AamPlanTotals {
  readonly items: number;
  /** Items that nothing can be told of. */
  readonly refusedItems: number;
  readonly routes: RouteTotals;
  /** How many items can be used when: counted by label, with the first and the last moment of all, ISO 8601. */
  readonly expected: {
    readonly [label in AamItemPlan["expected"]["label"]]?: {
      readonly items: number;
      readonly earliest: string;
      readonly latest: string;
    };
  };
  /** Identities told, by namespace. */
  readonly shared: { readonly [namespace: string]: number };
  /** Identities that stayed at home, by reason. */
  readonly leftOut: { readonly [reason in LeftOutReason]?: number };
  /** Items by the code of what could not be told about them. */
  readonly refused: { readonly [code: string]: number };
}

/** Adds up what is going to happen with many items. */
export function totalAamPlan(plans: readonly AamItemPlan[]): AamPlanTotals {
  const expected: { [label in AamItemPlan["expected"]["label"]]?: Span } = {};
  const shared: Record<string, number> = {};
  const leftOut: { [reason in LeftOutReason]?: number } = {};
  const refused: Record<string, number> = {};
  let refusedItems = 0;
  const told = plans.filter(({ told: changes }) => changes > 0);
  for (const { expected: span } of told) expected[span.label] = widened(expected[span.label], span);
  for (const plan of plans) {
    if (plan.told === 0) refusedItems += 1;
    for (const [namespace, count] of Object.entries(plan.shared))
      shared[namespace] = (shared[namespace] ?? 0) + count;
    for (const { because, count } of plan.leftOut) leftOut[because] = (leftOut[because] ?? 0) + count;
    for (const code of new Set(plan.refused)) refused[code] = (refused[code] ?? 0) + 1;
  }
  const routes = totalRoutes(told.map(({ route }) => route));
  return { items: plans.length, refusedItems, routes, expected, shared, leftOut, refused };
}

interface Span {
  readonly items: number;
  readonly earliest: string;
  readonly latest: string;
}

function widened(span: Span | undefined, next: Omit<Span, "items">): Span {
  const { earliest, latest } = next;
  if (span === undefined) return { items: 1, earliest, latest };
  return {
    items: span.items + 1,
    earliest: earliest < span.earliest ? earliest : span.earliest,
    latest: latest > span.latest ? latest : span.latest,
  };
}
