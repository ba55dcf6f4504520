import { compareKeys, type Identity, type IdentityKey } from "@tessera/xdm";
import type { Moment, Step } from "./moment.ts";

/**
 * An identity of a graph. `firstSeen` and `lastSeen` are the times (ms) of its earliest and latest observation anywhere.
 * `left`: when it last left a full graph (it ages anew from there). `blocked`: blocked by
 * hand at that time; it is in no link, and its times stand still.
 */
export interface GraphIdentity extends Identity {
  readonly key: IdentityKey;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly left?: number;
  readonly blocked?: number;
}

/** A link between two identities (`a` before `b` in code-unit order) with the observations that made it. */
export interface GraphLink {
  readonly a: IdentityKey;
  readonly b: IdentityKey;
  readonly first: Moment;
  readonly last: Moment;
  readonly count: number;
}

/** Two identities, `a` before `b`. */
export interface Pair {
  readonly a: IdentityKey;
  readonly b: IdentityKey;
}

/**
 * Why a link is not in force, and since which step.
 *
 * - `unique`, `maxValues`, `newValues`: the link would have brought the two `conflict` values of `namespace` together;
 *   `winner` is the link that was kept instead, where there is one.
 * - `apart`: the two `conflict` identities were unlinked by hand.
 * - `cap`: `identity` left the graph because it was full.
 */
export type RemovalReason =
  | {
      readonly rule: "unique" | "maxValues" | "newValues";
      readonly at: Step;
      readonly namespace: string;
      readonly conflict: Pair;
      readonly winner: Pair | null;
    }
  | { readonly rule: "apart"; readonly at: Step; readonly conflict: Pair; readonly winner: Pair | null }
  | { readonly rule: "cap"; readonly at: Step; readonly identity: IdentityKey };

/** A link that was observed but is not in force. It stays so until observed again. */
export interface RemovedLink extends GraphLink {
  readonly reason: RemovalReason;
}

/**
 * Two identities that must not be in one graph, because someone unlinked them at `t`.
 * `relink: "observed"`: until a later record shows both together; `lifted` is that step.
 */
export interface KeptApart extends Pair {
  readonly t: number;
  readonly relink: "never" | "observed";
  readonly lifted?: Step;
}

/**
 * One connected component: the identities of one person, as plain data in canonical order (equal states give equal JSON).
 *
 * - `removed` lists the links with an end in this graph that are not in force; a removed link between two graphs is in both.
 * - `latest`: the greatest step that shaped the graph; null when its identity was only ever seen alone.
 * - `trimmed`: older removed links are no longer listed (`LinkingRules.removedKept`).
 */
export interface Graph {
  readonly identities: readonly GraphIdentity[];
  readonly links: readonly GraphLink[];
  readonly removed: readonly RemovedLink[];
  readonly apart: readonly KeptApart[];
  readonly latest: Step | null;
  readonly trimmed: boolean;
}

/**
 * The identity that stands for the person: the earliest seen, ties in code-unit order of the keys. A merge therefore
 * keeps the older person, a split leaves the person with the part that has the anchor.
 */
export function personAnchor(graph: Graph): GraphIdentity {
  let anchor = graph.identities[0];
  if (!anchor) throw new Error("A graph has at least one identity.");
  for (const identity of graph.identities) {
    if (identity.firstSeen < anchor.firstSeen) anchor = identity;
  }
  return anchor;
}

/**
 * The identities outside this graph that its history touches: other ends of removed links, and identities kept apart
 * by hand. Following them from graph to graph gives the whole cluster, whose observations `replay` needs. When
 * `graph.trimmed`, follow the observations themselves as well (but never through a blocked identity, which links nothing).
 */
export function clusterNeighbours(graph: Graph): readonly IdentityKey[] {
  if (graph.removed.length === 0 && graph.apart.length === 0) return [];
  const inside = new Set(graph.identities.map(({ key }) => key));
  const outside = new Set<IdentityKey>();
  for (const { a, b } of [...graph.removed, ...graph.apart]) {
    if (!inside.has(a)) outside.add(a);
    if (!inside.has(b)) outside.add(b);
  }
  return [...outside].sort(compareKeys);
}

/** Order of links and pairs: by `a`, then `b`. */
export function comparePairs(x: Pair, y: Pair): number {
  return compareKeys(x.a, y.a) || compareKeys(x.b, y.b);
}

/** The pair of two keys, in order. */
export function pairOf(x: IdentityKey, y: IdentityKey): Pair {
  return x < y ? { a: x, b: y } : { a: y, b: x };
}

/** The position of an identity in a graph, or -1. */
export function positionOf(identities: readonly GraphIdentity[], key: IdentityKey): number {
  let low = 0;
  let high = identities.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = identities[middle]?.key ?? "";
    if (at === key) return middle;
    if (at < key) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The position of the link between `a` and `b` (`a` before `b`) in a sorted list, or -1. */
export function linkPosition(links: readonly GraphLink[], a: IdentityKey, b: IdentityKey): number {
  let low = 0;
  let high = links.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = links[middle];
    if (!at) return -1;
    const order = at.a === a ? compareKeys(at.b, b) : at.a < a ? -1 : 1;
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
