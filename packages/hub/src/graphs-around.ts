import type { Graph } from "@tessera/identity-graph";
import type { Neighbourhood, PersonState } from "@tessera/profile-store";
import type { IdentityKey } from "@tessera/xdm";

/** The graphs that identities and persons are in. */
export interface GraphsByIdentity {
  readonly get: (key: IdentityKey) => Graph | undefined;
  /** The graphs that the identities of a person are in now, each once. */
  readonly partsOf: (person: PersonState) => readonly Graph[];
}

/** Graphs that are known for every identity. */
export function graphsOf(graphOf: ReadonlyMap<IdentityKey, Graph>): GraphsByIdentity {
  const get = (key: IdentityKey): Graph | undefined => graphOf.get(key);
  return {
    get,
    partsOf: ({ identities }) => [...new Set(identities.map((key) => graphAt({ get }, key)))],
  };
}

/** The graph of an identity of a linked batch. */
export function graphAt(graphs: Pick<GraphsByIdentity, "get">, key: IdentityKey): Graph {
  const graph = graphs.get(key);
  if (graph === undefined) throw new Error("Every identity of a linked batch is in a graph.");
  return graph;
}

/**
 * The graphs around a batch while it is linked: those of the persons, but for what was linked since. Most observations
 * confirm what is known: then the person's graph is replaced as a whole, without naming its identities.
 */
export class GraphsAround implements GraphsByIdentity {
  readonly #personOf: Neighbourhood["personOf"];
  /** The graphs of persons by their ids, with what was confirmed since. */
  readonly #own = new Map<string, { readonly person: PersonState; graph: Graph }>();
  /** Identities whose graph is of another make than it was stored. */
  readonly #linked = new Map<IdentityKey, Graph>();

  constructor({ persons, personOf }: Pick<Neighbourhood, "persons" | "personOf">) {
    this.#personOf = personOf;
    for (const person of persons.values())
      this.#own.set(person.personId, { person, graph: person.graph as Graph });
  }

  get(key: IdentityKey): Graph | undefined {
    const linked = this.#linked.size === 0 ? undefined : this.#linked.get(key);
    if (linked !== undefined) return linked;
    const personId = this.#personOf.get(key);
    return personId === undefined ? undefined : this.#own.get(personId)?.graph;
  }

  partsOf(person: PersonState): readonly Graph[] {
    const own = this.#own.get(person.personId)?.graph ?? (person.graph as Graph);
    if (this.#linked.size === 0) return [own];
    const parts: Graph[] = [];
    for (const key of person.identities) {
      const part = this.#linked.get(key) ?? own;
      if (!parts.includes(part)) parts.push(part);
    }
    return parts;
  }

  /** Puts in a graph with the same identities and links as the one that `key` is in. */
  confirm(key: IdentityKey, graph: Graph): void {
    const personId = this.#linked.has(key) ? undefined : this.#personOf.get(key);
    const own = personId === undefined ? undefined : this.#own.get(personId);
    if (own === undefined) this.put(graph);
    else own.graph = graph;
  }

  /** Puts in a graph for each of its identities. */
  put(graph: Graph): void {
    for (const { key } of graph.identities) this.#linked.set(key, graph);
  }

  /** The graphs of all identities, those of the persons included. */
  all(): ReadonlyMap<IdentityKey, Graph> {
    const all = new Map<IdentityKey, Graph>();
    for (const { person, graph } of this.#own.values()) {
      for (const key of person.identities) all.set(key, graph);
    }
    for (const [key, graph] of this.#linked) all.set(key, graph);
    return all;
  }
}
