import { compareKeys, type Identity, type IdentityKey, identityKey, identityOfKey } from "@tessera/xdm";
import { assemble } from "./assemble.ts";
import { applyCap } from "./cap.ts";
import type { GraphChange } from "./change.ts";
import { changesOf } from "./changes-of.ts";
import { type CompiledRules, compileRules } from "./compiled-rules.ts";
import {
  comparePairs,
  type Graph,
  type GraphIdentity,
  type GraphLink,
  type KeptApart,
  linkPosition,
  positionOf,
  type RemovedLink,
} from "./graph.ts";
import { breaksRule, type LinkSet, mergeApart, mergeRemoved, removedBetween } from "./link-set.ts";
import type { LinkingRules } from "./linking-rules.ts";
import { compareSteps, type Moment, type Step } from "./moment.ts";
import { rebuild } from "./rebuild.ts";
import { confirmed, isClean, refresh, seen } from "./refresh.ts";
import { sortFew } from "./sort-few.ts";

/** One record that showed identities together (or one alone): when, by which event of which dataset. */
export interface LinkObservation extends Moment {
  readonly identities: readonly Identity[];
  /** The keys of the identities, when they are at hand: each once, in code-unit order. */
  readonly keys?: readonly IdentityKey[];
}

/**
 * The outcome of linking one observation.
 *
 * - `linked`: the graphs that stand in place of the ones given, and what changed (nothing, when only known links were
 *   confirmed).
 * - `late`: the observation belongs before a step that already shaped these graphs, and the order matters: rebuild the
 *   cluster with `replay`. Nothing was decided.
 */
export type Linked =
  | { readonly kind: "linked"; readonly graphs: readonly Graph[]; readonly changes: readonly GraphChange[] }
  | { readonly kind: "late"; readonly reason: "history was removed" | "a rule would have broken" };

/**
 * Links one observation into the graphs its identities are in. Identities without a graph get one; graphs that hold none
 * of them come back as they are.
 *
 * - Every identity of the observation is linked with every other one. Namespaces that build no graph, and blocked
 *   identities, take no part.
 * - If the graph would break a rule it is rebuilt (`rebuild.ts`), then capped (`cap.ts`).
 * - An identity that no graph holds yet and that a decision concerns is given with its `firstGraph`.
 * - An observation with one identity only records that it was seen.
 * - The same observation as the graphs' latest changes nothing. Older duplicates are the caller's to leave out (same
 *   event `_id`).
 * - An observation that comes out of order is taken where the order cannot matter, else answered `late`.
 */
export function link(graphs: readonly Graph[], observation: LinkObservation, rules: LinkingRules): Linked {
  const joined = linkSilently(graphs, observation, rules);
  return joined.kind === "late"
    ? joined
    : { kind: "linked", graphs: joined.graphs, changes: joined.tell?.() ?? NONE };
}

/** The outcome of `link`, which tells what changed only when asked; without `tell` nothing did. */
export type Joined =
  | {
      readonly kind: "linked";
      readonly graphs: readonly Graph[];
      readonly tell?: () => readonly GraphChange[];
    }
  | Extract<Linked, { readonly kind: "late" }>;

/** `link` for those who need the graphs alone: finding out what changed costs as much as a fifth of it. */
export function linkSilently(
  graphs: readonly Graph[],
  observation: LinkObservation,
  rules: LinkingRules,
): Joined {
  const compiled = compileRules(rules);
  const only = graphs.length === 1 ? graphs[0] : undefined;
  const refreshed = only && cannotAge(only, observation, compiled) ? refresh(only, observation) : undefined;
  if (refreshed) return { kind: "linked", graphs: refreshed === only ? graphs : [refreshed] };
  return join(graphs, observation, compiled);
}

const NONE: readonly GraphChange[] = [];

/**
 * Whether an observation that only confirms known links can leave every protection as it is. One from before the latest
 * step can give an identity an earlier first sight, and with it too many new values within a window.
 */
function cannotAge(graph: Graph, observation: LinkObservation, { windowed }: CompiledRules): boolean {
  return windowed.length === 0 || graph.latest === null || compareSteps(observation, graph.latest) >= 0;
}

function join(graphs: readonly Graph[], observation: LinkObservation, rules: CompiledRules): Joined {
  const keys = buildingKeys(observation, rules);
  const touched = graphs.filter(({ identities }) => keys.some((key) => positionOf(identities, key) >= 0));
  const untouched =
    touched.length === graphs.length ? [] : graphs.filter((graph) => !touched.includes(graph));
  const blocked = touched.filter(({ identities }) => identities[0]?.blocked !== undefined);
  const joined = blocked.length === 0 ? touched : touched.filter((graph) => !blocked.includes(graph));
  const free = keys.filter((key) => !blocked.some(({ identities }) => positionOf(identities, key) >= 0));
  const aside = [...untouched, ...blocked];
  if (free.length === 0) return { kind: "linked", graphs: aside };
  if (free.length === 1) return sight({ joined, aside, key: free[0] ?? "" }, observation, rules);
  return connect({ joined, aside, keys: free }, observation, rules);
}

/** The keys of the identities that take part in linking, each once, in order. */
function buildingKeys(
  { identities, keys: known }: LinkObservation,
  rules: CompiledRules,
): readonly IdentityKey[] {
  if (known !== undefined && identities.every(({ namespace }) => rules.of(namespace).builds)) return known;
  const keys: IdentityKey[] = [];
  for (const identity of identities) {
    if (!rules.of(identity.namespace).builds) continue;
    const key = identityKey(identity);
    if (!keys.includes(key)) keys.push(key);
  }
  return sortFew(keys, compareKeys);
}

/** One identity seen alone: its times move; a new one gets a graph of its own. */
function sight(
  {
    joined,
    aside,
    key,
  }: { readonly joined: readonly Graph[]; readonly aside: readonly Graph[]; readonly key: IdentityKey },
  observation: LinkObservation,
  rules: CompiledRules,
): Joined {
  const [graph] = joined;
  if (!graph) {
    const identities = [newIdentity(key, observation.t)];
    const created = { identities, links: [], removed: [], apart: [], latest: null, trimmed: false };
    const at = stepOf(observation);
    return {
      kind: "linked",
      graphs: [...aside, created],
      tell: () => [{ kind: "identityAdded", identity: key, at }],
    };
  }
  const identity = graph.identities[positionOf(graph.identities, key)];
  const earlier = identity !== undefined && observation.t < identity.firstSeen;
  // An earlier first sight changes ages, and so who would have left or counted as new.
  if (earlier && graph.latest && (!isClean(graph) || rules.windowed.length > 0)) {
    return { kind: "late", reason: "history was removed" };
  }
  return { kind: "linked", graphs: [...aside, sighted(graph, [key], observation)] };
}

function connect(
  {
    joined,
    aside,
    keys,
  }: {
    readonly joined: readonly Graph[];
    readonly aside: readonly Graph[];
    readonly keys: readonly IdentityKey[];
  },
  observation: LinkObservation,
  rules: CompiledRules,
): Joined {
  const step = stepOf(observation);
  const latest = latestOf(joined);
  const order = latest ? compareSteps(step, latest) : 1;
  if (order === 0 && joined.some((graph) => graph.latest && compareSteps(step, graph.latest) === 0)) {
    return { kind: "linked", graphs: [...aside, ...joined] };
  }
  const inOrder = order > 0;
  if (!inOrder && !joined.every(isClean)) return { kind: "late", reason: "history was removed" };

  const union = uniteGraphs(joined, keys, observation);
  const trimmed = joined.some((graph) => graph.trimmed);
  const breaks = breaksRule(union, rules);
  if (!inOrder && (breaks || union.identities.length > rules.cap)) {
    return { kind: "late", reason: "a rule would have broken" };
  }
  const decided = decide({ union, breaks, keys, step }, rules);
  const made = assemble(decided.set, {
    latest: inOrder ? step : latest,
    trimmed,
    // Whole graphs that one observation brings together are one graph, as long as no link is cut.
    isWhole: decided.set === union,
    rules,
  });
  return {
    kind: "linked",
    graphs: aside.length === 0 ? made : [...aside, ...made],
    tell: () => changesOf({ before: joined, after: made, keys, step, ...decided }, rules),
  };
}

interface Decided {
  readonly set: LinkSet;
  readonly dropped: readonly RemovedLink[];
  readonly left: readonly IdentityKey[];
}

function decide(
  {
    union,
    breaks,
    keys,
    step,
  }: {
    readonly union: LinkSet;
    readonly breaks: boolean;
    readonly keys: readonly IdentityKey[];
    readonly step: Step;
  },
  rules: CompiledRules,
): Decided {
  const rebuilt = breaks ? rebuild(union, step, rules) : { kept: union.links, dropped: [] };
  const full = union.identities.length > rules.cap;
  if (!full && rebuilt.dropped.length === 0) {
    return { set: breaks ? { ...union, links: rebuilt.kept } : union, dropped: [], left: [] };
  }
  const observed = new Set(keys);
  const capped = full
    ? applyCap({ identities: union.identities, links: rebuilt.kept }, { step, observed, rules })
    : { identities: union.identities, kept: rebuilt.kept, dropped: [], left: [] };
  const dropped = [...rebuilt.dropped, ...capped.dropped];
  const removed = sortFew([...union.removed, ...dropped], comparePairs);
  const set = { identities: capped.identities, links: capped.kept, removed, apart: union.apart };
  return { set, dropped, left: capped.left };
}

/** The graphs and the observation as one set: times moved, links added or confirmed, removed ones taken back. */
function uniteGraphs(
  joined: readonly Graph[],
  keys: readonly IdentityKey[],
  observation: LinkObservation,
): LinkSet {
  const { t, key, datasetId } = observation;
  const moment: Moment = { t, key, datasetId };
  const identities = uniteIdentities(joined, keys, t);
  const allRemoved = mergeRemoved(joined.map((graph) => graph.removed));
  const links = joined.length === 1 ? [...(joined[0]?.links ?? [])] : joined.flatMap((graph) => graph.links);
  if (joined.length > 1) sortFew(links, comparePairs);
  const known = links.length;
  const restored = new Set<RemovedLink>();
  for (let i = 0; i < keys.length; i++) {
    for (let j = i + 1; j < keys.length; j++) {
      const [a, b] = [keys[i] ?? "", keys[j] ?? ""];
      const at = searchFirst(links, known, a, b);
      const link = links[at];
      if (link && at < known) links[at] = confirmed(link, moment);
      else {
        const removed = removedBetween(allRemoved, a, b);
        if (removed) restored.add(removed);
        links.push(removed ? confirmed(removed, moment) : { a, b, first: moment, last: moment, count: 1 });
      }
    }
  }
  if (links.length > known) sortFew(links, comparePairs);
  const removed = restored.size === 0 ? allRemoved : allRemoved.filter((item) => !restored.has(item));
  const apart = lift(mergeApart(joined.map((graph) => graph.apart)), keys, stepOf(observation));
  return { identities, links, removed, apart };
}

/** Like `linkPosition`, but only among the first `known` links. */
function searchFirst(links: readonly GraphLink[], known: number, a: IdentityKey, b: IdentityKey): number {
  if (known === 0) return Infinity;
  const at = linkPosition(known === links.length ? links : links.slice(0, known), a, b);
  return at < 0 ? Infinity : at;
}

function uniteIdentities(
  joined: readonly Graph[],
  keys: readonly IdentityKey[],
  t: number,
): readonly GraphIdentity[] {
  const identities =
    joined.length === 1 ? [...(joined[0]?.identities ?? [])] : joined.flatMap((graph) => graph.identities);
  if (joined.length > 1) sortFew(identities, byKey);
  const fresh: GraphIdentity[] = [];
  for (const key of keys) {
    const at = positionOf(identities, key);
    const identity = identities[at];
    if (identity) identities[at] = seen(identity, t);
    else fresh.push(newIdentity(key, t));
  }
  return fresh.length === 0 ? identities : sortFew([...identities, ...fresh], byKey);
}

const byKey = (x: GraphIdentity, y: GraphIdentity): number => compareKeys(x.key, y.key);

/** A restraint that holds "until observed" ends when a record after it shows both identities together. */
function lift(apart: readonly KeptApart[], keys: readonly IdentityKey[], step: Step): readonly KeptApart[] {
  if (apart.length === 0) return apart;
  return apart.map((pair) =>
    pair.relink === "observed" &&
    !pair.lifted &&
    step.t > pair.t &&
    keys.includes(pair.a) &&
    keys.includes(pair.b)
      ? { ...pair, lifted: step }
      : pair,
  );
}

function latestOf(graphs: readonly Graph[]): Step | null {
  let latest: Step | null = null;
  for (const graph of graphs) {
    if (graph.latest && (!latest || compareSteps(graph.latest, latest) > 0)) latest = graph.latest;
  }
  return latest;
}

function stepOf({ t, key }: Step): Step {
  return { t, key };
}

function newIdentity(key: IdentityKey, t: number): GraphIdentity {
  return { ...identityOfKey(key), key, firstSeen: t, lastSeen: t };
}

function sighted(graph: Graph, keys: readonly IdentityKey[], { t }: Moment): Graph {
  const identities = graph.identities.map((identity) =>
    keys.includes(identity.key) ? seen(identity, t) : identity,
  );
  return { ...graph, identities };
}
