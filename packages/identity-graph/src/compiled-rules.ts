import type { IdentityType } from "@tessera/xdm";
import { buildsGraph, type LinkingRules, type NewValuesLimit } from "./linking-rules.ts";

/** What linking needs to know of a namespace, ready to use. `limit` is its column among the limited namespaces, or -1. */
export interface CompiledRule {
  readonly namespace: string;
  readonly builds: boolean;
  readonly priority: number;
  /** Who leaves a full graph first: 0 partner, 1 cookie, 2 device, 3 person. */
  readonly leaves: number;
  readonly limit: number;
  readonly max: number;
  readonly unique: boolean;
  readonly newValues: NewValuesLimit | undefined;
}

export interface CompiledRules {
  readonly cap: number;
  readonly removedKept: number;
  /** From this size on a graph is reported as near its cap: 43 of 50. */
  readonly nearCap: number;
  /** The namespaces with a greatest number of values, by column. */
  readonly limited: readonly CompiledRule[];
  readonly windowed: readonly CompiledRule[];
  readonly of: (namespace: string) => CompiledRule;
}

const LEAVES: Record<IdentityType, number> = {
  PARTNER: 0,
  NON_PEOPLE: 0,
  COOKIE: 1,
  DEVICE: 2,
  MOBILE: 2,
  CROSS_DEVICE: 3,
  EMAIL: 3,
  PHONE: 3,
};

const compiledRules = new WeakMap<LinkingRules, CompiledRules>();

/** The rules in the form that linking uses; made once for each rules object. */
export function compileRules(rules: LinkingRules): CompiledRules {
  const known = compiledRules.get(rules);
  if (known) return known;
  const byNamespace = new Map<string, CompiledRule>();
  const limited: CompiledRule[] = [];
  const windowed: CompiledRule[] = [];
  let lowest = 0;
  for (const rule of rules.namespaces) {
    const max = rule.unique ? 1 : (rule.maxValues ?? Infinity);
    const compiled: CompiledRule = {
      namespace: rule.namespace,
      builds: buildsGraph(rule.type),
      priority: rule.priority,
      leaves: LEAVES[rule.type],
      limit: max === Infinity ? -1 : limited.length,
      max,
      unique: rule.unique,
      newValues: rule.newValues,
    };
    if (compiled.limit >= 0) limited.push(compiled);
    if (compiled.newValues) windowed.push(compiled);
    byNamespace.set(rule.namespace, compiled);
    if (rule.priority > lowest) lowest = rule.priority;
  }
  const of = (namespace: string): CompiledRule => {
    const found = byNamespace.get(namespace);
    if (found) return found;
    const rule: CompiledRule = {
      namespace,
      builds: true,
      priority: lowest + 1,
      leaves: LEAVES.COOKIE,
      limit: -1,
      max: Infinity,
      unique: false,
      newValues: undefined,
    };
    byNamespace.set(namespace, rule);
    return rule;
  };
  const { cap, removedKept } = rules;
  const compiled = { cap, removedKept, nearCap: Math.ceil(cap * 0.85), limited, windowed, of };
  compiledRules.set(rules, compiled);
  return compiled;
}
