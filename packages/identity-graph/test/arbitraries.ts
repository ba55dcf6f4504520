import * as fc from "fast-check";
import type { GraphDecision, LinkingRules, LinkObservation, NamespaceRule } from "../src/index.ts";

const NAMESPACES = ["CRMID", "Email", "GAID", "ECID"] as const;
const TYPES = { CRMID: "CROSS_DEVICE", Email: "EMAIL", GAID: "DEVICE", ECID: "COOKIE" } as const;

/** Few values, so that they meet often. */
export const identity = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  id: fc.constantFrom("1", "2", "3", "4"),
});

/** Histories with many equal times, and repeated observations of the same identities. */
export function observations(maxLength: number): fc.Arbitrary<readonly LinkObservation[]> {
  return fc
    .array(
      fc.record({
        t: fc.integer({ min: 0, max: 12 }),
        identities: fc.array(identity, { minLength: 1, maxLength: 4 }),
      }),
      { minLength: 1, maxLength },
    )
    .map((list) =>
      list.map(({ t, identities }, index) => ({ t, key: `e${index}`, datasetId: "d", identities })),
    );
}

/** Rules with none, some or all protections on, and caps small enough to be met. */
export const linkingRules: fc.Arbitrary<LinkingRules> = fc
  .record({
    unique: fc.tuple(fc.boolean(), fc.boolean(), fc.constant(false), fc.constant(false)),
    maxValues: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    newValues: fc.option(
      fc.record({ count: fc.integer({ min: 1, max: 2 }), withinMs: fc.integer({ min: 1, max: 6 }) }),
      {
        nil: undefined,
      },
    ),
    cap: fc.constantFrom(3, 4, 6, 50),
    removedKept: fc.constantFrom(2, 200),
  })
  .map(({ unique, maxValues, newValues, cap, removedKept }) => ({
    namespaces: NAMESPACES.map((namespace, index): NamespaceRule => ({
      namespace,
      type: TYPES[namespace],
      unique: unique[index] ?? false,
      priority: index + 1,
      ...(namespace === "Email" && maxValues !== undefined ? { maxValues } : {}),
      ...(namespace === "GAID" && newValues !== undefined ? { newValues } : {}),
    })),
    cap,
    removedKept,
  }));

export const decisions: fc.Arbitrary<readonly GraphDecision[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("unlink" as const),
      a: identity,
      b: identity,
      t: fc.integer({ min: 0, max: 12 }),
      relink: fc.constantFrom("never" as const, "observed" as const),
    }),
    fc.record({
      kind: fc.constant("relink" as const),
      a: identity,
      b: identity,
      t: fc.integer({ min: 0, max: 12 }),
    }),
    fc.record({ kind: fc.constant("block" as const), identity, t: fc.integer({ min: 0, max: 12 }) }),
  ),
  { maxLength: 3 },
);
