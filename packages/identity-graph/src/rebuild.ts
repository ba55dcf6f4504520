import { compareKeys, type IdentityKey } from "@tessera/xdm";
import type { CompiledRule, CompiledRules } from "./compiled-rules.ts";
import {
  comparePairs,
  type GraphIdentity,
  type GraphLink,
  type Pair,
  pairOf,
  positionOf,
  type RemovalReason,
  type RemovedLink,
} from "./graph.ts";
import { type LinkSet, rootOf, singletons, tooManyNew } from "./link-set.ts";
import { compareSteps, type Step } from "./moment.ts";
import { sortFew } from "./sort-few.ts";

/** The links in force after a rebuild, and those that had to go. */
export interface Rebuilt {
  readonly kept: readonly GraphLink[];
  readonly dropped: readonly RemovedLink[];
}

/**
 * Builds a set of links anew under the rules: the links of the latest observation first, then all older ones by ascending
 * sum of the two priorities, ties newest first, then in canonical order; each is kept unless it would break a rule.
 * (Linking rules as documented for the identity optimisation algorithm; its stated results fix this order.)
 */
export function rebuild(set: LinkSet, step: Step, rules: CompiledRules): Rebuilt {
  const forest = forestOf(set, rules);
  const dropped: RemovedLink[] = [];
  const kept: GraphLink[] = [];
  for (const { link, a, b } of inReplayOrder(set, step, rules)) {
    const x = rootOf(forest.parent, a);
    const y = rootOf(forest.parent, b);
    const conflict = x === y ? undefined : conflictOf(forest, x, y);
    if (conflict) {
      const { a: from, b: to, first, last, count } = link;
      const reason = reasonOf(conflict, { forest, kept, step, ends: [a, b] });
      dropped.push({ a: from, b: to, first, last, count, reason });
    } else {
      kept.push(link);
      if (x !== y) unite(forest, x, y);
    }
  }
  sortFew(kept, comparePairs);
  return { kept, dropped };
}

interface OrderedLink {
  readonly link: GraphLink;
  readonly a: number;
  readonly b: number;
  readonly latest: boolean;
  readonly sum: number;
}

function inReplayOrder(set: LinkSet, step: Step, rules: CompiledRules): readonly OrderedLink[] {
  const priority = set.identities.map(({ namespace }) => rules.of(namespace).priority);
  const ordered = set.links.map((link): OrderedLink => {
    const a = positionOf(set.identities, link.a);
    const b = positionOf(set.identities, link.b);
    const latest = compareSteps(link.last, step) === 0;
    return { link, a, b, latest, sum: (priority[a] ?? 0) + (priority[b] ?? 0) };
  });
  return sortFew(
    ordered,
    (x, y) =>
      Number(y.latest) - Number(x.latest) ||
      x.sum - y.sum ||
      compareSteps(y.link.last, x.link.last) ||
      comparePairs(x.link, y.link),
  );
}

/**
 * Components while they grow: who belongs where, and how many values a component has of each limited namespace and then of
 * each with a limit on new values.
 */
interface Forest {
  readonly identities: readonly GraphIdentity[];
  readonly rules: CompiledRules;
  readonly parent: Int32Array;
  readonly counts: Int32Array;
  readonly apart: readonly (readonly [number, number])[];
}

function forestOf({ identities, apart }: LinkSet, rules: CompiledRules): Forest {
  const width = widthOf(rules);
  const counts = new Int32Array(identities.length * width);
  identities.forEach(({ namespace }, index) => {
    const rule = rules.of(namespace);
    if (rule.limit >= 0) counts[index * width + rule.limit] = 1;
    const window = rule.newValues ? rules.windowed.indexOf(rule) : -1;
    if (window >= 0) counts[index * width + rules.limited.length + window] = 1;
  });
  const pairs: [number, number][] = [];
  for (const { a, b, lifted } of apart) {
    const [x, y] = [positionOf(identities, a), positionOf(identities, b)];
    if (!lifted && x >= 0 && y >= 0) pairs.push([x, y]);
  }
  return { identities, rules, parent: singletons(identities.length), counts, apart: pairs };
}

function widthOf({ limited, windowed }: CompiledRules): number {
  return limited.length + windowed.length;
}

function unite({ parent, counts, rules }: Forest, x: number, y: number): void {
  parent[y] = x;
  const width = widthOf(rules);
  for (let i = 0; i < width; i++) {
    counts[x * width + i] = (counts[x * width + i] ?? 0) + (counts[y * width + i] ?? 0);
  }
}

type Conflict =
  | {
      readonly rule: "unique" | "maxValues" | "newValues";
      readonly namespace: string;
      readonly values: [number, number];
    }
  | { readonly rule: "apart"; readonly values: [number, number] };

/** What would break if the components `x` and `y` became one. */
function conflictOf(forest: Forest, x: number, y: number): Conflict | undefined {
  const { counts, rules, parent, apart } = forest;
  const width = widthOf(rules);
  for (const rule of rules.limited) {
    const inX = counts[x * width + rule.limit] ?? 0;
    const inY = counts[y * width + rule.limit] ?? 0;
    if (inX > 0 && inY > 0 && inX + inY > rule.max) {
      return limitConflict(forest, { rule: rule.unique ? "unique" : "maxValues", of: rule, x, y });
    }
  }
  let column = rules.limited.length;
  for (const rule of rules.windowed) {
    const inX = counts[x * width + column] ?? 0;
    const inY = counts[y * width + column] ?? 0;
    column++;
    if (inX === 0 || inY === 0 || !rule.newValues || inX + inY <= rule.newValues.count) continue;
    const values = [...valuesOf(forest, x, rule), ...valuesOf(forest, y, rule)];
    const seen = values.map((index) => forest.identities[index]?.firstSeen ?? 0);
    if (tooManyNew(seen, rule.newValues)) return limitConflict(forest, { rule: "newValues", of: rule, x, y });
  }
  for (const [one, other] of apart) {
    const [p, q] = [rootOf(parent, one), rootOf(parent, other)];
    if (p === x && q === y) return { rule: "apart", values: [one, other] };
    if (p === y && q === x) return { rule: "apart", values: [other, one] };
  }
  return undefined;
}

function limitConflict(
  forest: Forest,
  {
    rule,
    of,
    x,
    y,
  }: {
    readonly rule: "unique" | "maxValues" | "newValues";
    readonly of: CompiledRule;
    readonly x: number;
    readonly y: number;
  },
): Conflict {
  const values: [number, number] = [firstOf(forest, x, of), firstOf(forest, y, of)];
  return { rule, namespace: of.namespace, values };
}

/** The first identity of a namespace within the component `root`, which has one. */
function firstOf({ identities, parent }: Forest, root: number, { namespace }: CompiledRule): number {
  for (let index = 0; index < identities.length; index++) {
    if (identities[index]?.namespace === namespace && rootOf(parent, index) === root) return index;
  }
  return 0;
}

/** The identities of a namespace within the component `root`. */
function valuesOf(
  { identities, parent }: Forest,
  root: number,
  { namespace }: CompiledRule,
): readonly number[] {
  const values: number[] = [];
  identities.forEach((identity, index) => {
    if (identity.namespace === namespace && rootOf(parent, index) === root) values.push(index);
  });
  return values;
}

function reasonOf(
  conflict: Conflict,
  {
    forest,
    kept,
    step,
    ends,
  }: {
    readonly forest: Forest;
    readonly kept: readonly GraphLink[];
    readonly step: Step;
    readonly ends: readonly [number, number];
  },
): RemovalReason {
  const keyAt = (index: number): IdentityKey => forest.identities[index]?.key ?? "";
  const [one, other] = conflict.values;
  const pair = pairOf(keyAt(one), keyAt(other));
  const priority = (index: number): number =>
    forest.rules.of(forest.identities[index]?.namespace ?? "").priority;
  const [a, b] = ends;
  // The link that won stands at the less important end: there the shared device or address meets the other person.
  const fromB = (): Pair | null => firstLinkTowards(kept, keyAt(b), keyAt(other));
  const fromA = (): Pair | null => firstLinkTowards(kept, keyAt(a), keyAt(one));
  const winner = priority(a) > priority(b) ? (fromA() ?? fromB()) : (fromB() ?? fromA());
  const at = { t: step.t, key: step.key };
  return conflict.rule === "apart"
    ? { rule: "apart", at, conflict: pair, winner }
    : { rule: conflict.rule, at, namespace: conflict.namespace, conflict: pair, winner };
}

/** The first link of the shortest path between two identities, or null when they are the same. */
function firstLinkTowards(links: readonly GraphLink[], from: IdentityKey, to: IdentityKey): Pair | null {
  if (from === to) return null;
  const towards = new Map<IdentityKey, IdentityKey>([[to, to]]);
  let frontier: IdentityKey[] = [to];
  while (frontier.length > 0) {
    const next: IdentityKey[] = [];
    for (const at of frontier.sort(compareKeys)) {
      for (const { a, b } of links) {
        const end = a === at ? b : b === at ? a : undefined;
        if (end === undefined || towards.has(end)) continue;
        if (end === from) return pairOf(from, at);
        towards.set(end, at);
        next.push(end);
      }
    }
    frontier = next;
  }
  return null;
}
