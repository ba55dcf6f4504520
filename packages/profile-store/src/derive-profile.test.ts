import type { JsonObject } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { deriveProfile } from "./derive-profile.ts";
import type { Fragment } from "./fragment.ts";
import { DEFAULT_MERGE_POLICY, type MergePolicy } from "./merge-policy.ts";

const said = (datasetId: string, at: number, body: JsonObject, more: Partial<Fragment> = {}): Fragment => ({
  datasetId,
  owner: "CRMID:ada",
  at,
  body,
  ...more,
});
const byOrder = (...order: readonly string[]): MergePolicy => ({
  ...DEFAULT_MERGE_POLICY,
  attributeMerge: { type: "dataSetPrecedence", order },
});

const cases: readonly [string, MergePolicy, readonly Fragment[], JsonObject, Record<string, string>][] = [
  [
    "the latest wins, attribute by attribute",
    DEFAULT_MERGE_POLICY,
    [said("a", 1, { x: 1, o: { p: 1 } }), said("b", 2, { x: 2, o: { q: 2 } })],
    { x: 2, o: { p: 1, q: 2 } },
    { x: "b", "o.p": "a", "o.q": "b" },
  ],
  [
    "a field that a partial update touched later wins",
    DEFAULT_MERGE_POLICY,
    [said("a", 1, { x: 1, y: 1 }, { times: { x: 3 } }), said("b", 2, { x: 2, y: 2 })],
    { x: 1, y: 2 },
    { x: "a", y: "b" },
  ],
  [
    "the first dataset wins, others are left out",
    byOrder("a", "b"),
    [said("a", 1, { x: 1 }), said("b", 2, { x: 2, y: 2 }), said("c", 3, { x: 3, z: 3 })],
    { x: 1, y: 2 },
    { x: "a", y: "b" },
  ],
  [
    "within a dataset the latest wins",
    byOrder("a"),
    [said("a", 2, { x: 2 }), said("a", 1, { x: 1 }, { owner: "CRMID:bob" })],
    { x: 2 },
    { x: "a" },
  ],
  [
    "an object of the first dataset stands against a scalar, whatever a weaker one adds to it",
    byOrder("a", "c", "b"),
    [said("a", 1, { x: { p: 1 } }), said("b", 2, { x: { q: 2 } }), said("c", 3, { x: "scalar" })],
    { x: { p: 1 } },
    { "x.p": "a" },
  ],
  [
    "and in the other order of arrival as well",
    byOrder("a", "c", "b"),
    [said("c", 1, { x: "scalar" }), said("b", 2, { x: { q: 2 } }), said("a", 3, { x: { p: 1 } })],
    { x: { p: 1 } },
    { "x.p": "a" },
  ],
];

describe("a profile", () => {
  it.each(cases)("%s", (_name, ...[policy, fragments, attributes, from]) => {
    for (const order of [fragments, fragments.toReversed()]) {
      const derived = deriveProfile(order, policy);
      expect(derived.attributes).toEqual(attributes);
      const datasets = Object.entries(derived.provenance).map(([path, { datasetId }]) => [path, datasetId]);
      expect(Object.fromEntries(datasets)).toEqual(from);
    }
  });
});
