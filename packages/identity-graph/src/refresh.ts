import { compareKeys, type Identity, type IdentityKey, identityKey } from "@tessera/xdm";
import { type Graph, type GraphIdentity, type GraphLink, linkPosition, positionOf } from "./graph.ts";
import { compareSteps, type Moment } from "./moment.ts";
import { sortFew } from "./sort-few.ts";

/**
 * The short way for the most frequent step: everything observed is already linked in this graph, so only times and counts
 * move. Undefined when it is not that simple.
 */
export function refresh(
  graph: Graph,
  observation: Moment & { readonly identities: readonly Identity[]; readonly keys?: readonly IdentityKey[] },
): Graph | undefined {
  const { t, key, datasetId } = observation;
  const { latest } = graph;
  if (!latest) return undefined;
  const step = { t, key };
  const order = compareSteps(step, latest);
  if (order === 0) return graph;
  if (order < 0 && !isClean(graph)) return undefined;
  const keys = observation.keys ?? distinctKeys(observation.identities);
  if (keys.length < 2) return undefined;
  const at = keys.map((key) => positionOf(graph.identities, key));
  for (const place of at) if (place < 0) return undefined;
  const moment: Moment = { t, key, datasetId };
  const links = graph.links.slice();
  for (let i = 0; i < at.length; i++) {
    for (let j = i + 1; j < at.length; j++) {
      const a = graph.identities[at[i] ?? -1];
      const b = graph.identities[at[j] ?? -1];
      const place = a && b ? linkPosition(links, a.key, b.key) : -1;
      const link = links[place];
      if (!link) return undefined;
      links[place] = confirmed(link, moment);
    }
  }
  const identities = graph.identities.slice();
  for (const place of at) {
    const identity = identities[place];
    if (identity) identities[place] = seen(identity, t);
  }
  const { removed, apart, trimmed } = graph;
  return { identities, links, removed, apart, latest: order > 0 ? step : latest, trimmed };
}

function distinctKeys(identities: readonly Identity[]): readonly IdentityKey[] {
  const keys: IdentityKey[] = [];
  for (const identity of identities) {
    const key = identityKey(identity);
    if (!keys.includes(key)) keys.push(key);
  }
  return sortFew(keys, compareKeys);
}

/**
 * Whether nothing was ever taken from this graph. Then its identities are closed under everything observed and no rule was
 * ever broken among them, so the order of its observations cannot matter.
 */
export function isClean(graph: Graph): boolean {
  return (
    graph.removed.length === 0 && !graph.trimmed && graph.apart.every(({ relink }) => relink === "never")
  );
}

/** The link after one more observation of it, whenever that was. */
export function confirmed({ a, b, first, last, count }: GraphLink, moment: Moment): GraphLink {
  return {
    a,
    b,
    first: compareSteps(moment, first) < 0 ? moment : first,
    last: compareSteps(moment, last) > 0 ? moment : last,
    count: count + 1,
  };
}

/** The identity after one more observation of it, whenever that was. */
export function seen(identity: GraphIdentity, t: number): GraphIdentity {
  if (t >= identity.firstSeen && t <= identity.lastSeen) return identity;
  return {
    ...identity,
    firstSeen: Math.min(identity.firstSeen, t),
    lastSeen: Math.max(identity.lastSeen, t),
  };
}
