import { compareKeys, type Identity, type IdentityKey, identityKey, identityOfKey } from "@tessera/xdm";
import { comparePairs, type Graph, type KeptApart, pairOf } from "./graph.ts";

/**
 * What a person decided about the graph, at time `t` (ms). Decisions hold for the whole history: replaying with one gives
 * what a history without the bad link would have given.
 *
 * - `unlink`: `a` and `b` are two persons. No record brings them into one graph again, unless `relink` is `observed`: then
 *   a record after `t` that shows both together lifts it.
 * - `relink`: takes an unlink back. `block`: the identity is in no link at all, past or future. `unblock` takes it back.
 */
export type GraphDecision =
  | {
      readonly kind: "unlink";
      readonly a: Identity;
      readonly b: Identity;
      readonly t: number;
      readonly relink: "never" | "observed";
    }
  | { readonly kind: "relink"; readonly a: Identity; readonly b: Identity; readonly t: number }
  | { readonly kind: "block"; readonly identity: Identity; readonly t: number }
  | { readonly kind: "unblock"; readonly identity: Identity; readonly t: number };

/** The decision that two identities are two persons; they stay apart whatever later records say, unless `relink` is given. */
export function unlink(
  a: Identity,
  b: Identity,
  { t, relink = "never" }: { readonly t: number; readonly relink?: "never" | "observed" },
): GraphDecision {
  return { kind: "unlink", a: plain(a), b: plain(b), t, relink };
}

/** The decision that an identity is a bad value: it links nothing, anywhere. */
export function blockIdentity(identity: Identity, { t }: { readonly t: number }): GraphDecision {
  return { kind: "block", identity: plain(identity), t };
}

function plain({ namespace, id }: Identity): Identity {
  return { namespace, id };
}

/** The decisions in force: for each pair and each identity the newest one counts. */
export interface StandingDecisions {
  readonly apart: ReadonlyMap<IdentityKey, readonly KeptApart[]>;
  readonly blocked: ReadonlyMap<IdentityKey, number>;
}

/** Folds decisions, whatever their order; at equal times undoing loses to deciding. Each list is folded once. */
export function standingDecisions(decisions: readonly GraphDecision[]): StandingDecisions {
  const known = folded.get(decisions);
  if (known !== undefined) return known;
  const standing = fold(decisions);
  folded.set(decisions, standing);
  return standing;
}

/** Decisions change seldom, and every cluster asks. */
const folded = new WeakMap<readonly GraphDecision[], StandingDecisions>();

function fold(decisions: readonly GraphDecision[]): StandingDecisions {
  const weight = ({ kind }: GraphDecision): number => (kind === "relink" || kind === "unblock" ? 0 : 1);
  const apart = new Map<string, KeptApart>();
  const blocked = new Map<IdentityKey, number>();
  for (const decision of decisions.toSorted((x, y) => x.t - y.t || weight(x) - weight(y))) {
    if (decision.kind === "block") blocked.set(identityKey(decision.identity), decision.t);
    else if (decision.kind === "unblock") blocked.delete(identityKey(decision.identity));
    else {
      const { a, b } = pairOf(identityKey(decision.a), identityKey(decision.b));
      const id = `${a.length}:${a}${b}`;
      if (decision.kind === "relink" || a === b) apart.delete(id);
      else apart.set(id, { a, b, t: decision.t, relink: decision.relink });
    }
  }
  const byIdentity = new Map<IdentityKey, KeptApart[]>();
  for (const pair of [...apart.values()].sort(comparePairs)) {
    for (const key of [pair.a, pair.b]) byIdentity.set(key, [...(byIdentity.get(key) ?? []), pair]);
  }
  return { apart: byIdentity, blocked };
}

/** The decisions that graphs carry, so that a cluster can be replayed from its graphs and observations alone. */
export function decisionsOf(graphs: readonly Graph[]): readonly GraphDecision[] {
  const unlinks = new Map<string, KeptApart>();
  const blocks: GraphDecision[] = [];
  for (const { apart, identities } of graphs) {
    for (const pair of apart) unlinks.set(`${pair.a.length}:${pair.a}${pair.b}`, pair);
    for (const { key, blocked } of identities) {
      if (blocked !== undefined) blocks.push(blockIdentity(identityOfKey(key), { t: blocked }));
    }
  }
  const pairs = [...unlinks.values()].sort(comparePairs);
  const keyOf = (decision: GraphDecision): string =>
    "identity" in decision ? identityKey(decision.identity) : "";
  return [
    ...pairs.map(({ a, b, t, relink }) => unlink(identityOfKey(a), identityOfKey(b), { t, relink })),
    ...blocks.sort((x, y) => compareKeys(keyOf(x), keyOf(y))),
  ];
}
