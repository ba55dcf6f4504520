import { defaultLinkingRules, type Graph, link, type LinkObservation } from "@tessera/identity-graph";
import type { PersonState } from "@tessera/profile-store";
import { type Identity, identityKey, type IdentityKey } from "@tessera/xdm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keysOf, linkObservations } from "./link-batch.ts";

const HOUR = 3_600_000;
const rules = { ...defaultLinkingRules, cap: 5 };

const identity: fc.Arbitrary<Identity> = fc.constantFrom(
  { namespace: "CRMID", id: "a" },
  { namespace: "CRMID", id: "b" },
  { namespace: "Email", id: "a@shop.example" },
  ...["1", "2", "3", "4", "5"].map((id) => ({ namespace: "ECID", id })),
);
const observations = (name: string, from: number): fc.Arbitrary<readonly LinkObservation[]> =>
  fc
    .array(fc.uniqueArray(identity, { minLength: 1, maxLength: 3, selector: identityKey }), { maxLength: 8 })
    .map((all) =>
      all.map((identities, index) => ({
        t: (from + index) * HOUR,
        key: `${name}${index}`,
        datasetId: "web",
        identities,
        keys: identities.map(identityKey).sort(),
      })),
    );

/** Links with every identity named: what the short way has to come to. */
function linkPlainly(known: ReadonlyMap<IdentityKey, Graph>, batch: readonly LinkObservation[]) {
  const graphOf = new Map(known);
  const late: LinkObservation[] = [];
  for (const { keys: _keys, ...observation } of batch) {
    const touched = new Set(keysOf(observation).flatMap((key) => graphOf.get(key) ?? []));
    const linked = link([...touched], observation, rules);
    if (linked.kind === "late") late.push(observation);
    else for (const graph of linked.graphs) for (const { key } of graph.identities) graphOf.set(key, graph);
  }
  return { graphOf, late };
}

function personsOf(graphOf: ReadonlyMap<IdentityKey, Graph>): readonly PersonState[] {
  return [...new Set(graphOf.values())].map((graph, index) => ({
    personId: `p${index}`,
    version: 1,
    identities: graph.identities.map(({ key }) => key),
    graph,
    fragments: [],
    memberships: [],
    eventCount: 0,
    evaluatedAt: 0,
  }));
}

describe("graphs around a batch", () => {
  it("are those that linking gives with every identity named", () => {
    fc.assert(
      fc.property(observations("past", 0), observations("new", 4), (past, batch) => {
        const stored = linkPlainly(new Map(), past).graphOf;
        const asked = new Set(batch.flatMap(keysOf));
        const all = personsOf(stored);
        // A store tells of the persons that the batch names, and of no other identities of theirs.
        const personOf = new Map(
          all.flatMap(({ identities, personId }) =>
            identities.filter((key) => asked.has(key)).map((key) => [key, personId] as const),
          ),
        );
        const met = new Set(personOf.values());
        const persons = new Map(
          all.filter(({ personId }) => met.has(personId)).map((person) => [person.personId, person]),
        );
        const known = new Map(
          [...persons.values()].flatMap(({ identities, graph }) =>
            identities.map((key) => [key, graph as Graph] as const),
          ),
        );
        const plain = linkPlainly(known, batch);

        const { graphs, late } = linkObservations({ persons, personOf }, batch, { rules, decisions: [] });

        expect(late.map(({ key }) => key)).toEqual(plain.late.map(({ key }) => key));
        for (const key of asked) expect(graphs.get(key)).toEqual(plain.graphOf.get(key));
        for (const person of persons.values()) {
          const parts = new Set(person.identities.map((key) => plain.graphOf.get(key)));
          expect(graphs.partsOf(person)).toEqual([...parts]);
        }
        expect(graphs.all()).toEqual(plain.graphOf);
      }),
      { numRuns: 500 },
    );
  });
});
