import { readFileSync } from "node:fs";
import { identityKey } from "@tessera/xdm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identity, linkingRules } from "../test/arbitraries.ts";
import { parseSimulation, type SimulatedNamespace, simulateGraph, simulateText } from "./index.ts";

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
});
