import { type Graph, personAnchor } from "@tessera/identity-graph";
import type { PersonState } from "@tessera/profile-store";
import { type IdentityKey } from "@tessera/xdm";
import type { EventItem, RecordItem } from "./ingest-batch.ts";
import { graphAt, type GraphsByIdentity } from "./graphs-around.ts";
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

/** What is found of one person to be. */
interface Group {
  readonly graph: Graph;
  // Made with what is put in first: a list that grows from nothing takes room for many.
  sources?: PersonState[];
  events?: EventItem[];
  records?: RecordItem[];
  /** Whether a source has identities elsewhere, too. */
  isSplit: boolean;
}

/** A stored person of whom something changes: what became of their graph. */
interface Touched {
  readonly person: PersonState;
  readonly parts: readonly Graph[];
}

/** Groups what is new by person, and tells who merged, split, or goes on. Pure. */
export function resolvePersons(
  graphs: GraphsByIdentity,
  stored: Iterable<PersonState>,
  items: readonly (EventItem | RecordItem)[],
): Resolutions {
  const groups = new Map<Graph, Group>();
  const groupOf = (graph: Graph): Group => {
    let group = groups.get(graph);
    if (group === undefined) groups.set(graph, (group = { graph, isSplit: false }));
    return group;
  };
  for (const item of items) {
    const graph = graphAt(graphs, item.owner);
    const group = groupOf(graph);
    if (item.kind === "record") (group.records ??= []).push(item);
    else if (group.events === undefined) group.events = [item];
    else group.events.push(item);
    // A link can change the graph of an identity whose events belong to someone else.
    for (const key of item.keys) {
      const other = key === item.owner ? graph : graphAt(graphs, key);
      if (other !== graph) groupOf(other);
    }
  }
  const touched: Touched[] = [];
  for (const person of stored) {
    const parts = graphs.partsOf(person);
    const [only, second] = parts;
    const isWhole = second === undefined && only === person.graph;
    if (isWhole && !groups.has(only)) continue;
    touched.push({ person, parts });
    for (const part of parts) {
      const group = groupOf(part);
      if (group.sources === undefined) group.sources = [person];
      else group.sources.push(person);
      if (second !== undefined) group.isSplit = true;
    }
  }
  const persons = [...groups.values()].map(resolutionOf);
  return { persons, removed: removals(touched, persons) };
}

function resolutionOf(group: Group): Resolution {
  const { graph, isSplit, sources = NO_PERSONS, events = NO_EVENTS, records = NO_RECORDS } = group;
  const [only] = sources;
  const personId =
    only !== undefined && sameAnchor(only.graph as Graph, graph) ? only.personId : personIdOf(graph);
  const goesOn = only !== undefined && sources.length === 1 && !isSplit;
  // Whoever goes on has all their identities here: as many are the same ones.
  const isSame = goesOn && only.identities.length === graph.identities.length;
  const identities = isSame ? only.identities : graph.identities.map(({ key }) => key);
  const inOrder = events.length > 1 ? events.toSorted(compareItems) : events;
  const made = { personId, graph, identities, sources, events: inOrder, records };
  return goesOn && only.personId === personId ? { ...made, continues: only } : made;
}

const NO_PERSONS: readonly PersonState[] = [];
const NO_EVENTS: readonly EventItem[] = [];
const NO_RECORDS: readonly RecordItem[] = [];

function compareItems(a: EventItem, b: EventItem): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1);
}

/** Most events leave the anchor as it is, and with it the id; making an id costs more than looking. */
function sameAnchor(before: Graph, after: Graph): boolean {
  const [a, b] = [personAnchor(before), personAnchor(after)];
  return a.namespace === b.namespace && a.id === b.id;
}

function removals(touched: readonly Touched[], persons: readonly Resolution[]): Resolutions["removed"] {
  const ids = new Set<string>();
  for (const { personId } of persons) ids.add(personId);
  const gone = touched.filter(({ person }) => !ids.has(person.personId));
  if (gone.length === 0) return [];
  const written = new Map(persons.map((resolution) => [resolution.graph, resolution.personId]));
  return gone
    .filter(({ parts }) => parts.some((part) => written.has(part)))
    .map(({ person, parts }) => {
      const largest = parts.reduce((a, b) => (b.identities.length > a.identities.length ? b : a));
      return { person, successor: written.get(largest) ?? personIdOf(largest) };
    });
}
