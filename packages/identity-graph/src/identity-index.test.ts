import { compareKeys } from "@tessera/xdm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decisions, linkingRules, observations } from "../test/arbitraries.ts";
import { canonical } from "../test/feed.ts";
import {
  compareSteps,
  createIdentityIndex,
  decodeGraph,
  defaultLinkingRules,
  encodeGraph,
  replay,
} from "./index.ts";

describe("createIdentityIndex", () => {
  it("holds what replay gives, byte for byte", () => {
    fc.assert(
      fc.property(observations(30), linkingRules, decisions, (history, rules, decided) => {
        const index = createIdentityIndex(rules, decided);
        for (const observation of history.toSorted(compareSteps)) {
          expect(index.add(observation)).toBe("linked");
        }
        const graphs = replay(history, rules, decided);
        expect(JSON.stringify(canonical([...index.graphs()]))).toBe(JSON.stringify(graphs));
        expect(index.size().graphs).toBe(graphs.length);
        for (const graph of graphs) {
          for (const identity of graph.identities) {
            expect(index.graphOf(identity)).toEqual(graph);
            const members = index.membersOf(identity).map(({ namespace, id }) => `${namespace}:${id}`);
            expect(members.sort(compareKeys)).toEqual(graph.identities.map(({ key }) => key));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("takes observations in any order where link does, and says late otherwise", () => {
    fc.assert(
      fc.property(observations(12), linkingRules, (history, rules) => {
        const index = createIdentityIndex(rules);
        const taken = history.filter((observation) => index.add(observation) === "linked");
        expect(JSON.stringify(canonical([...index.graphs()]))).toBe(JSON.stringify(replay(taken, rules)));
      }),
      { numRuns: 500 },
    );
  });

  it("takes many at once as it takes them one by one, and gives those that came too late", () => {
    fc.assert(
      fc.property(observations(150), linkingRules, decisions, (history, rules, decided) => {
        const one = createIdentityIndex(rules, decided);
        const late = history.filter((observation) => one.add(observation) === "late");
        const many = createIdentityIndex(rules, decided);
        expect(many.addAll(history)).toEqual(late);
        expect(JSON.stringify([...many.graphs()])).toBe(JSON.stringify([...one.graphs()]));
      }),
      { numRuns: 300 },
    );
  });

  it("holds what replay gives under more limits than a tally has room for", () => {
    fc.assert(
      fc.property(observations(40), linkingRules, (history, { namespaces, cap, removedKept }) => {
        const others = defaultLinkingRules.namespaces.filter((rule) =>
          namespaces.every(({ namespace }) => namespace !== rule.namespace),
        );
        const limited = others.map((rule) => ({ ...rule, maxValues: 5, unique: false }));
        const rules = { namespaces: [...namespaces, ...limited], cap, removedKept };
        const index = createIdentityIndex(rules);
        expect(index.addAll(history.toSorted(compareSteps))).toEqual([]);
        expect(JSON.stringify(canonical([...index.graphs()]))).toBe(JSON.stringify(replay(history, rules)));
      }),
      { numRuns: 200 },
    );
  });

  it("knows nothing of identities it has not seen", () => {
    const index = createIdentityIndex({ namespaces: [], cap: 50, removedKept: 10 });
    expect(index.graphOf({ namespace: "ECID", id: "1" })).toBeUndefined();
    expect(index.membersOf({ namespace: "ECID", id: "1" })).toEqual([]);
    expect(index.size()).toEqual({ identities: 0, graphs: 0 });
  });
});

describe("encodeGraph", () => {
  it("comes back as it was, and equal graphs give equal text", () => {
    fc.assert(
      fc.property(observations(20), linkingRules, decisions, (history, rules, decided) => {
        for (const graph of replay(history, rules, decided)) {
          const text = encodeGraph(graph);
          const decoded = decodeGraph(text);
          if (!decoded.ok) throw new Error(decoded.error.message);
          expect(JSON.stringify(decoded.value)).toBe(JSON.stringify(graph));
          expect(encodeGraph(decoded.value)).toBe(text);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each(["", "{}", "[2]", '[1,["a"],[[1,0,0]],[],[],[],null,0]', "[1]"])("refuses %j", (text) => {
    expect(decodeGraph(text)).toMatchObject({ ok: false, error: { code: "graph.encoding" } });
  });
});
