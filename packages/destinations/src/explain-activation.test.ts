import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explainActivation, httpProfileExport, planActivation, type PersonView } from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const dataflow = {
  id: "f1",
  destinationId: "d1",
  name: "f",
  enabled: true,
  audiences: [
    { id: "x", namespace: "ups", name: "X" },
    { id: "y", namespace: "ups", name: "Y", startsAt: "2026-02-01T00:00:00.000Z" },
    { id: "z", namespace: "ups", name: "Z", endsAt: at },
  ],
  mapping: [
    { source: { kind: "identity", namespace: "ECID" }, target: "ECID" },
    { source: { kind: "attribute", path: "tier" }, target: "tier", required: true },
  ],
} as const;
const destination = { kind: "streaming-audience", capabilities: httpProfileExport.capabilities } as const;
const realized = { status: "realized", lastQualificationTime: at } as const;
const person: PersonView = {
  personId: "p",
  identities: [{ namespace: "ECID", id: "1" }],
  attributes: { tier: "gold" },
  memberships: { ups: { x: realized, y: realized, z: realized } },
};
const explain = (change: Partial<PersonView>) =>
  explainActivation({ ...person, ...change }, { dataflow, destination }, at, () => undefined);

describe("explainActivation", () => {
  it("says what is told, and why not more", () => {
    const { audiences, obstacles } = explain({});
    expect(audiences.map(({ id }) => id)).toEqual(["x"]);
    expect(obstacles).toEqual([
      { kind: "not-started", audienceId: "y" },
      { kind: "ended", audienceId: "z" },
    ]);
  });

  it("names what is missing and who refused", () => {
    const { audiences, obstacles } = explain({
      attributes: {},
      identities: [],
      memberships: {},
      refusedActions: ["exportToThirdParty"],
    });
    expect(audiences).toEqual([]);
    expect(obstacles.map(({ kind }) => kind)).toEqual([
      "refused-by-consent",
      "required-missing",
      "no-identity",
      "not-a-member",
      "not-a-member",
      "not-a-member",
    ]);
  });

  it("law: agrees with what planning tells", () => {
    const persons = fc.record({
      personId: fc.constant("p"),
      identities: fc.constantFrom([], [{ namespace: "ECID", id: "1" }]),
      attributes: fc.constantFrom({}, { tier: "gold" }, { tier: null }),
      memberships: fc.constantFrom(
        {},
        { ups: { x: realized } },
        { ups: { y: realized, z: realized } },
        { ups: { x: realized, z: realized } },
      ),
      refusedActions: fc.constantFrom<readonly string[]>([], ["exportToThirdParty"], ["analytics"]),
    });
    fc.assert(
      fc.property(persons, (view) => {
        const items = planActivation({
          transitions: [{ id: "t", at, before: [], after: [view] }],
          dataflows: [{ dataflow, destination }],
          now: at,
          evaluate: () => undefined,
        });
        const told = items.flatMap(({ payload }) =>
          payload.kind === "profile" ? payload.item.changes.map((c) => c.audienceId) : [],
        );
        expect(explain(view).audiences.map(({ id }) => id)).toEqual(told);
      }),
    );
  });
});
