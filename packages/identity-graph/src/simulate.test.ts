import { readFileSync } from "node:fs";
import { identityKey } from "@tessera/xdm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identity, linkingRules } from "../test/arbitraries.ts";
import { naively } from "../test/naive-rules.ts";
import { parseSimulation, replay, type SimulatedNamespace, simulateGraph, simulateText } from "./index.ts";

interface Case {
  readonly id: string;
  readonly scenario: string;
  readonly settings: string;
  readonly events: readonly string[];
  readonly graphs: readonly string[];
  readonly removed: readonly string[];
  readonly primaries?: readonly string[];
}

const file = new URL("../conformance/cases/linking.json", import.meta.url);
const suite = JSON.parse(readFileSync(file, "utf8")) as {
  readonly settings: Record<string, readonly SimulatedNamespace[]>;
  readonly cases: readonly Case[];
};

/** `CRMID: Tom, ECID: 1` as a set of keys. */
const keysOf = (text: string): readonly string[] => {
  const events = parseSimulation(text);
  if (!events.ok) throw new Error(text);
  return events.value.flatMap(({ identities }) => identities.map(identityKey)).sort();
};

describe("documented scenarios", () => {
  it.each(suite.cases)("$id: $scenario", (given) => {
    const settings = suite.settings[given.settings] ?? [];
    const result = simulateText(given.events.join("\n"), settings);
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    const { graphs, removedLinks, eventPrimaries } = result.value;
    expect(graphs.map((graph) => graph.map(identityKey).sort())).toEqual(given.graphs.map(keysOf));
    const removed = removedLinks.map(({ a, b }) => [identityKey(a), identityKey(b)].sort().join(" ")).sort();
    expect(removed).toEqual(given.removed.map((text) => keysOf(text).join(" ")).sort());
    if (given.primaries) {
      expect(eventPrimaries.map((item) => item && identityKey(item))).toEqual(
        given.primaries.map((text) => keysOf(text)[0]),
      );
    }
  });

  it("says why each link was removed, and by which link", () => {
    const { removedLinks } = simulateGraph({
      settings: suite.settings.crm ?? [],
      events: [
        {
          t: "2026-01-01T00:00:00Z",
          identities: [
            { namespace: "CRMID", id: "Jane" },
            { namespace: "ECID", id: "1" },
          ],
        },
        {
          t: "2026-01-02T00:00:00Z",
          identities: [
            { namespace: "CRMID", id: "John" },
            { namespace: "ECID", id: "1" },
          ],
        },
      ],
    });
    expect(removedLinks).toMatchObject([
      {
        a: { namespace: "CRMID", id: "Jane" },
        b: { namespace: "ECID", id: "1" },
        t: Date.parse("2026-01-01"),
        reason: {
          rule: "unique",
          namespace: "CRMID",
          at: { t: Date.parse("2026-01-02") },
          conflict: { a: "CRMID:Jane", b: "CRMID:John" },
          winner: { a: "CRMID:John", b: "ECID:1" },
        },
      },
    ]);
  });
});

describe("simulation text", () => {
  it.each([
    ["CRMID Jane", 1, 1],
    ["CRMID: Jane, ECID", 1, 13],
    ["# fine\n\n  CRMID: Jane,, ECID: 1", 3, 15],
    ["CRMID: ", 1, 1],
  ])("%j is refused at its place", (text, line, column) => {
    const parsed = parseSimulation(text);
    expect(parsed).toMatchObject({ ok: false, error: [{ code: "simulation.syntax", line, column }] });
  });

  it("keeps colons in values, and the case of symbols", () => {
    expect(parseSimulation("crmid: a:b ,ECID:1\n")).toEqual({
      ok: true,
      value: [
        {
          t: 1,
          identities: [
            { namespace: "crmid", id: "a:b" },
            { namespace: "ECID", id: "1" },
          ],
        },
      ],
    });
  });
});

describe("simulation laws", () => {
  const events = fc.array(
    fc.record({
      t: fc.integer({ min: 0, max: 4 }),
      identities: fc.array(identity, { minLength: 1, maxLength: 3 }),
    }),
    { maxLength: 10 },
  );

  it("does not depend on the order in which events of equal time are listed", () => {
    fc.assert(
      fc.property(
        events.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        linkingRules,
        ([one, other], { namespaces, cap }) => {
          const { graphs, removedLinks } = simulateGraph({ settings: namespaces, events: one, cap });
          const again = simulateGraph({ settings: namespaces, events: other, cap });
          expect(again.graphs).toEqual(graphs);
          expect(again.removedLinks).toEqual(removedLinks);
        },
      ),
    );
  });

  it("lists as removed what the graphs of a replay list", () => {
    fc.assert(
      fc.property(events, linkingRules, (list, { namespaces, cap }) => {
        const numbered = list.map((event, index) => ({ ...event, t: index }));
        const { removedLinks } = simulateGraph({ settings: namespaces, events: numbered, cap });
        const observations = numbered.map(({ t, identities }) => ({
          t,
          key: "e",
          datasetId: "d",
          identities,
        }));
        const removedKept = Number.MAX_SAFE_INTEGER;
        const graphs = replay(observations, { namespaces, cap, removedKept });
        const ends = (a: string, b: string): string => `${a} ${b}`;
        const listed = new Map(
          graphs.flatMap(({ removed }) =>
            removed.map(({ a, b, last, reason }) => [ends(a, b), `${last.t} ${reason.rule} ${reason.at.t}`]),
          ),
        );
        const told = removedLinks.map(
          ({ a, b, t, reason }) =>
            [ends(identityKey(a), identityKey(b)), `${t} ${reason.rule} ${reason.at.t}`] as const,
        );
        expect(new Map(told)).toEqual(listed);
      }),
      { numRuns: 400 },
    );
  });

  it("gives what the documented algorithm gives, worked out naively over a graph library", () => {
    let removals = 0;
    fc.assert(
      fc.property(events, linkingRules, (list, { namespaces }) => {
        const settings = namespaces.map(({ namespace, type, unique, priority }) => ({
          namespace,
          type,
          unique,
          priority,
        }));
        const numbered = list.map((event, index) => ({ ...event, t: index }));
        const naive = naively(settings, numbered);
        removals += naive.removed.length;
        const { graphs, removedLinks } = simulateGraph({ settings, events: numbered });
        expect(graphs.map((graph) => graph.map(identityKey).sort()).sort()).toEqual(naive.graphs);
        const removed = removedLinks.map(({ a, b }) => `${identityKey(a)} ${identityKey(b)}`).sort();
        expect(removed).toEqual(naive.removed);
      }),
      { numRuns: 600 },
    );
    expect(removals).toBeGreaterThan(300);
  });
});

describe("what a simulation takes", () => {
  const crm = suite.settings.crm ?? [];
  const seen = (...keys: readonly string[]) => ({
    identities: keys.map((key) => {
      const [namespace = "", id = ""] = key.split(":");
      return { namespace, id };
    }),
  });

  it.each(["null", "NULL", " ", "anonymous", "undefined", "00000000", "(not set)"])(
    "leaves out the junk value %j and says where it stood",
    (junk) => {
      const result = simulateGraph({
        settings: crm,
        events: [
          seen(`CRMID:${junk}`, "ECID:1"),
          seen(`CRMID:${junk}`, "ECID:2"),
          seen("CRMID:Jane", "ECID:2"),
        ],
      });
      expect(result).toEqual({
        graphs: [seen("CRMID:Jane", "ECID:2").identities],
        removedLinks: [],
        eventPrimaries: seen("ECID:1", "ECID:2", "CRMID:Jane").identities,
        leftOut: [0, 1].map((event) => ({ event, identity: { namespace: "CRMID", id: junk } })),
      });
    },
  );

  it("makes no person of the null ids of 10,000 visitors", () => {
    const visits = Array.from({ length: 10_000 }, (_, index) => seen("CRMID:null", `ECID:${index}`));
    const { graphs, removedLinks, leftOut } = simulateGraph({ settings: crm, events: visits });
    expect({ graphs, removedLinks, leftOut: leftOut?.length }).toEqual({
      graphs: [],
      removedLinks: [],
      leftOut: 10_000,
    });
  });

  it("keeps the cap when 10,000 visitors share a value that nobody knows to be junk, with a reason for each", () => {
    const visits = Array.from({ length: 10_000 }, (_, index) => seen("CRMID:tester", `ECID:${index}`));
    const { graphs, removedLinks } = simulateGraph({ settings: crm, events: visits });
    expect(graphs.map(({ length }) => length)).toEqual([50]);
    expect(removedLinks).toHaveLength(10_000 - 49);
    expect(new Set(removedLinks.map(({ reason }) => reason.rule))).toEqual(new Set(["cap"]));
  });

  it("never ranks a cookie above a person, whatever its priority says", () => {
    const [person, cookie] = crm;
    if (!person || !cookie) throw new Error("The settings have two namespaces.");
    const settings = [
      { ...person, priority: 2 },
      { ...cookie, priority: 1 },
    ];
    const { eventPrimaries } = simulateGraph({ settings, events: [seen("ECID:1", "CRMID:Jane")] });
    expect(eventPrimaries).toEqual([{ namespace: "CRMID", id: "Jane" }]);
  });

  it.each([
    ["CRMID:a", "IDFA:b", "ECID:c"],
    ["GAID:a", "ECID:b"],
    ["ECID:a"],
    ["IDFA:a", "ECID:b", "GAID:c"],
  ])("finds the primary identity of an event with %s and %s by priority", (...keys) => {
    const priorities = ["CRMID", "GAID", "IDFA", "ECID"];
    const types = ["CROSS_DEVICE", "DEVICE", "DEVICE", "COOKIE"] as const;
    const settings = priorities.map((namespace, index) => ({
      namespace,
      type: types[index] ?? "COOKIE",
      unique: index === 0,
      priority: index + 1,
    }));
    const { eventPrimaries } = simulateGraph({ settings, events: [seen(...keys)] });
    const first = keys.toSorted(
      (x, y) => priorities.indexOf(x.split(":")[0] ?? "") - priorities.indexOf(y.split(":")[0] ?? ""),
    )[0];
    expect(eventPrimaries.map((item) => item && identityKey(item))).toEqual([first]);
  });

  it.each([0, 1, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses a cap of %d", (cap) => {
    expect(() => simulateGraph({ settings: crm, events: [seen("CRMID:a", "ECID:1")], cap })).toThrow(
      "cap: expected a whole number from 2",
    );
  });

  it("refuses a namespace that is set twice: one of the two would be passed over", () => {
    expect(() => simulateGraph({ settings: [...crm, ...crm], events: [] })).toThrow(
      "settings, CRMID: expected one setting",
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, "yesterday"])("refuses the time %s", (t) => {
    expect(() => simulateGraph({ settings: crm, events: [{ t, ...seen("CRMID:a") }] })).toThrow(TypeError);
  });

  it("refuses a type that is none", () => {
    const settings = [{ namespace: "X", type: "SHOE" as "COOKIE", unique: false, priority: 1 }];
    expect(() => simulateGraph({ settings, events: [] })).toThrow("settings, X: expected an identity type");
  });
});
