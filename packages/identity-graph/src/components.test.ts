import { compareKeys, identityKey, identityOfKey } from "@tessera/xdm";
import * as fc from "fast-check";
import { UndirectedGraph } from "graphology";
import { connectedComponents } from "graphology-components";
import { describe, expect, it } from "vitest";
import { decisions, linkingRules, observations } from "../test/arbitraries.ts";
import { type Graph, type LinkingRules, replay } from "./index.ts";

/** The parts of a graph as another library finds them. */
function partsOf(
  nodes: Iterable<string>,
  edges: Iterable<readonly [string, string]>,
): readonly (readonly string[])[] {
  const graph = new UndirectedGraph();
  for (const node of nodes) graph.mergeNode(node);
  for (const [a, b] of edges) graph.mergeEdge(a, b);
  return sorted(connectedComponents(graph));
}

function sorted(parts: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return parts.map((part) => part.toSorted(compareKeys)).sort((x, y) => compareKeys(x[0] ?? "", y[0] ?? ""));
}

const membersOf = (graphs: readonly Graph[]): readonly (readonly string[])[] =>
  sorted(graphs.map(({ identities }) => identities.map(({ key }) => key)));

const noRules: LinkingRules = { namespaces: [], cap: Number.MAX_SAFE_INTEGER, removedKept: 200 };

describe("graphs beside a graph library", () => {
  it("without rules persons are the connected components of what was seen together", () => {
    fc.assert(
      fc.property(observations(40), (history) => {
        const together = history.map(({ identities }) => identities.map(identityKey));
        const pairs = together.flatMap((keys) => keys.slice(1).map((key) => [keys[0] ?? "", key] as const));
        const expected = partsOf(
          together.flat(),
          pairs.filter(([a, b]) => a !== b),
        );
        expect(membersOf(replay(history, noRules))).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  it("under rules persons are the connected components of the links in force, and none breaks a rule", () => {
    fc.assert(
      fc.property(observations(30), linkingRules, decisions, (history, rules, decided) => {
        const graphs = replay(history, rules, decided);
        const expected = partsOf(
          graphs.flatMap(({ identities }) => identities.map(({ key }) => key)),
          graphs.flatMap(({ links }) => links.map(({ a, b }) => [a, b] as const)),
        );
        expect(membersOf(graphs)).toEqual(expected);
        for (const { identities } of graphs) {
          expect(identities.length).toBeLessThanOrEqual(rules.cap);
          for (const { namespace, unique, maxValues } of rules.namespaces) {
            const values = identities.filter(({ key }) => identityOfKey(key).namespace === namespace).length;
            expect(values).toBeLessThanOrEqual(unique ? 1 : (maxValues ?? Infinity));
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it("loses nobody: whoever was seen is in exactly one graph", () => {
    fc.assert(
      fc.property(observations(30), linkingRules, (history, rules) => {
        const seen = new Set(history.flatMap(({ identities }) => identities.map(identityKey)));
        const members = membersOf(replay(history, rules)).flat();
        expect(members.length).toBe(new Set(members).size);
        expect(new Set(members)).toEqual(seen);
      }),
      { numRuns: 400 },
    );
  });
});
