import { type Graph, personAnchor } from "@tessera/identity-graph";
import type { PersonState } from "@tessera/profile-store";
import { type IdentityKey } from "@tessera/xdm";
import type { EventItem, RecordItem } from "./ingest-batch.ts";
import { personIdOf } from "./person-ids.ts";

/** One person to be written: a graph, whom it was made of, and what is new about it. */
export interface Resolution {
  readonly personId: string;
  readonly graph: Graph;
  readonly identities: readonly IdentityKey[];
  /** The stored person that goes on here unchanged but for what is new; absent after a merge, a split or for a newcomer. */
  readonly continues?: PersonState;
  /** All stored persons of whom something is here. */
  readonly sources: readonly PersonState[];
  readonly events: readonly EventItem[];
  readonly records: readonly RecordItem[];
}

/** What a batch means for persons. `removed` leads ids that are no more to the person who goes on. */
export interface Resolutions {
  readonly persons: readonly Resolution[];
  readonly removed: readonly { readonly person: PersonState; readonly successor: string }[];
}

/** Groups what is new by person, and tells who merged, split, or goes on. Pure. */
export function resolvePersons(
  graphOf: ReadonlyMap<IdentityKey, Graph>,
  stored: Iterable<PersonState>,
  items: readonly (EventItem | RecordItem)[],
): Resolutions {
  const groups = new Map<Graph, { sources: PersonState[]; events: EventItem[]; records: RecordItem[] }>();
  const groupOf = (graph: Graph): { sources: PersonState[]; events: EventItem[]; records: RecordItem[] } => {
    const group = groups.get(graph) ?? { sources: [], events: [], records: [] };
    groups.set(graph, group);
    return group;
  };
  for (const item of items) {
    const group = groupOf(graphAt(graphOf, item.owner));
    if (item.kind === "event") group.events.push(item);
    else group.records.push(item);
    // A link can change the graph of an identity whose events belong to someone else.
    for (const key of item.keys) groupOf(graphAt(graphOf, key));
  }
  const partsOf = new Map<PersonState, ReadonlySet<Graph>>();
  for (const person of stored) {
    const parts = new Set(person.identities.map((key) => graphAt(graphOf, key)));
    partsOf.set(person, parts);
    const untouched =
      parts.size === 1 && parts.has(person.graph as Graph) && !groups.has(person.graph as Graph);
    if (!untouched) for (const part of parts) groupOf(part).sources.push(person);
  }
  const persons = [...groups].map(([graph, group]): Resolution => {
    const [only] = group.sources;
    const personId =
      only !== undefined && sameAnchor(only.graph as Graph, graph) ? only.personId : personIdOf(graph);
    const goesOn = group.sources.length === 1 && only !== undefined && partsOf.get(only)?.size === 1;
    return {
      personId,
      graph,
      identities: graph.identities.map(({ key }) => key),
      ...(goesOn && only.personId === personId ? { continues: only } : {}),
      ...group,
      events: group.events.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)),
    };
  });
  return { persons, removed: removals(partsOf, persons) };
}

/** Most events leave the anchor as it is, and with it the id; making an id costs more than looking. */
function sameAnchor(before: Graph, after: Graph): boolean {
  const [a, b] = [personAnchor(before), personAnchor(after)];
  return a.namespace === b.namespace && a.id === b.id;
}

function removals(
  partsOf: ReadonlyMap<PersonState, ReadonlySet<Graph>>,
  persons: readonly Resolution[],
): Resolutions["removed"] {
  const written = new Map(persons.map((resolution) => [resolution.graph, resolution.personId]));
  const ids = new Set(written.values());
  return [...partsOf]
    .filter(([person, parts]) => !ids.has(person.personId) && [...parts].some((part) => written.has(part)))
    .map(([person, parts]) => {
      const largest = [...parts].reduce((a, b) => (b.identities.length > a.identities.length ? b : a));
      return { person, successor: written.get(largest) ?? personIdOf(largest) };
    });
}

function graphAt(graphOf: ReadonlyMap<IdentityKey, Graph>, key: IdentityKey): Graph {
  const graph = graphOf.get(key);
  if (graph === undefined) throw new Error("Every identity of a linked batch is in a graph.");
  return graph;
}
