import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linkingRules, observations } from "../test/arbitraries.ts";
import {
  addToRehearsal,
  type ClusterRehearsal,
  defaultLinkingRules,
  emptyRehearsal,
  type LinkingRules,
  rehearseCluster,
  replay,
} from "./index.ts";

const rulesOf = (unique: boolean): LinkingRules => ({
  ...defaultLinkingRules,
  namespaces: defaultLinkingRules.namespaces.map((rule) =>
    rule.namespace === "CRMID" ? { ...rule, unique } : rule,
  ),
});
const seen = (t: number, ...identities: readonly string[]) => ({
  t,
  key: `e${t}`,
  datasetId: "d",
  identities: identities.map((text) => {
    const [namespace = "", id = ""] = text.split(":");
    return { namespace, id };
  }),
});
const shared = [
  seen(1, "CRMID:Jane", "ECID:1"),
  seen(2, "CRMID:John", "ECID:1"),
  seen(3, "CRMID:John", "Email:john"),
];

describe("rehearseCluster", () => {
  it("tells whom looser rules would join", () => {
    const graphs = replay(shared, rulesOf(true));
    expect(rehearseCluster({ graphs, observations: shared }, rulesOf(false))).toMatchObject({
      joined: 2,
      split: 0,
      lost: [],
      after: [[{ id: "Jane" }, { id: "John" }, { namespace: "ECID" }, { namespace: "Email" }]],
    });
  });

  it("tells whom stricter rules would split, and which identities would stand alone", () => {
    const graphs = replay(shared, rulesOf(false));
    expect(rehearseCluster({ graphs, observations: shared }, rulesOf(true))).toMatchObject({
      joined: 0,
      split: 1,
      lost: [{ namespace: "CRMID", id: "Jane" }],
    });
  });

  it("says nothing of a cluster that stays, and is silent exactly when the persons are the same", () => {
    fc.assert(
      fc.property(observations(10), linkingRules, linkingRules, (history, now, then) => {
        const graphs = replay(history, now);
        const after = replay(history, then);
        const parts = (list: typeof graphs) =>
          JSON.stringify(list.map(({ identities }) => identities.map(({ key }) => key)));
        const change = rehearseCluster({ graphs, observations: history }, then);
        expect(change === undefined).toBe(parts(graphs) === parts(after));
        expect(rehearseCluster({ graphs, observations: history }, now)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe("a rehearsal over many clusters", () => {
  it("adds up, keeps the worst, and draws evenly within bounded memory", () => {
    const change = (size: number): ClusterRehearsal => ({
      before: [[]],
      after: [Array.from({ length: size }, (_, index) => ({ namespace: "ECID", id: String(index) }))],
      joined: size % 7,
      split: 0,
      lost: [],
    });
    let state = 11;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    let rehearsal = emptyRehearsal;
    for (let size = 0; size < 1_000; size += 1)
      rehearsal = addToRehearsal(
        rehearsal,
        { persons: 2, change: size % 2 ? change(size % 50) : undefined },
        random,
      );
    expect(rehearsal).toMatchObject({ clusters: 1_000, persons: 2_000, changedClusters: 500 });
    expect(rehearsal.worst).toHaveLength(10);
    expect(rehearsal.worst.every(({ joined }) => joined === 6)).toBe(true);
    expect(rehearsal.sample).toHaveLength(20);
  });
});
