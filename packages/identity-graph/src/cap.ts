import { compareKeys, type IdentityKey } from "@tessera/xdm";
import type { CompiledRules } from "./compiled-rules.ts";
import type { GraphIdentity, GraphLink, RemovedLink } from "./graph.ts";
import { componentsOf } from "./link-set.ts";
import type { Step } from "./moment.ts";

/** What is left when full graphs have let go of their oldest identities. */
export interface Capped {
  readonly identities: readonly GraphIdentity[];
  readonly kept: readonly GraphLink[];
  readonly dropped: readonly RemovedLink[];
  readonly left: readonly IdentityKey[];
}

/**
 * Lets identities leave until no graph has more than `rules.cap`: partner, then cookie, device, person identities; within
 * a type the oldest first. Those of the observation at hand leave last. The links of who leaves go with it.
 */
export function applyCap(
  set: { readonly identities: readonly GraphIdentity[]; readonly links: readonly GraphLink[] },
  {
    step,
    observed,
    rules,
  }: { readonly step: Step; readonly observed: ReadonlySet<IdentityKey>; readonly rules: CompiledRules },
): Capped {
  const identities = [...set.identities];
  let kept = set.links;
  const dropped: RemovedLink[] = [];
  const left: IdentityKey[] = [];
  for (;;) {
    const full = fullComponent(identities, kept, rules.cap);
    if (full.length === 0) break;
    const leaving = full.reduce((best, index) =>
      leavesBefore(identities[index], identities[best], { observed, rules }) ? index : best,
    );
    const identity = identities[leaving];
    if (!identity) break;
    const { key } = identity;
    left.push(key);
    identities[leaving] = { ...withoutLeft(identity), left: step.t };
    const staying: GraphLink[] = [];
    for (const link of kept) {
      if (link.a !== key && link.b !== key) staying.push(link);
      else {
        const { a, b, first, last, count } = link;
        const reason = { rule: "cap", at: { t: step.t, key: step.key }, identity: key } as const;
        dropped.push({ a, b, first, last, count, reason });
      }
    }
    kept = staying;
  }
  return { identities, kept, dropped, left };
}

function withoutLeft({ namespace, id, key, firstSeen, lastSeen }: GraphIdentity): GraphIdentity {
  return { namespace, id, key, firstSeen, lastSeen };
}

/** The positions of a component that has more than `cap` identities; empty when there is none. */
function fullComponent(
  identities: readonly GraphIdentity[],
  links: readonly GraphLink[],
  cap: number,
): readonly number[] {
  const { of, count } = componentsOf(identities, links);
  const sizes = new Int32Array(count);
  for (const component of of) sizes[component] = (sizes[component] ?? 0) + 1;
  const full = sizes.findIndex((size) => size > cap);
  if (full < 0) return [];
  const members: number[] = [];
  of.forEach((component, index) => {
    if (component === full) members.push(index);
  });
  return members;
}

function leavesBefore(
  one: GraphIdentity | undefined,
  other: GraphIdentity | undefined,
  { observed, rules }: { readonly observed: ReadonlySet<IdentityKey>; readonly rules: CompiledRules },
): boolean {
  if (!one || !other) return false;
  const order =
    Number(observed.has(one.key)) - Number(observed.has(other.key)) ||
    rules.of(one.namespace).leaves - rules.of(other.namespace).leaves ||
    (one.left ?? one.firstSeen) - (other.left ?? other.firstSeen) ||
    compareKeys(one.key, other.key);
  return order < 0;
}
