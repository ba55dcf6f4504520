import type { AudienceDefinition } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { compileAudiences, type PersonView } from "./index.ts";

function audience(id: string, value: string, more: Partial<AudienceDefinition> = {}): AudienceDefinition {
  const expression = { type: "PQL", format: "pql/text", value } as const;
  return { id, name: id, expression, evaluation: "streaming", version: 1, ...more };
}

function planOf(...definitions: readonly AudienceDefinition[]) {
  const plan = compileAudiences(definitions);
  if (!plan.ok) throw new Error(plan.error.map((issue) => issue.message).join("\n"));
  return plan.value;
}

const NOW = Date.parse("2026-03-10T12:00:00Z");
const HOUR = 3_600_000;

const person: PersonView = {
  attributes: { person: { gender: "female" } },
  events: [
    { _id: "1", timestamp: "2026-03-09T13:00:00.000Z", eventType: "view" },
    { _id: "2", timestamp: "2026-03-10T11:00:00.000Z", eventType: "cart" },
    { _id: "3", timestamp: "2026-03-10T15:00:00.000Z", eventType: "order" },
  ],
};

describe("compileAudiences", () => {
  it("evaluates audiences after the ones they refer to, whatever their order", () => {
    const plan = planOf(
      audience("both", `inSegment("viewed") and inSegment("woman")`),
      audience("viewed", `xEvent.exists(eventType = "view")`),
      audience("woman", `person.gender = "female"`),
    );
    expect(plan.audiences.map((one) => one.id)).toEqual(["viewed", "woman", "both"]);
    expect([...plan.evaluate(person, NOW).members].sort()).toEqual(["both", "viewed", "woman"]);
  });

  it.each([
    'segmentMembership.get("ups").get("woman").status = "realized"',
    '"existing" = segmentMembership["ups"]["woman"].status',
    'segmentMembership.ups.woman.status in (["realized", "existing"])',
    '$1.segmentMembership.get("ups").get("woman").status.equals("REALIZED", false) or inSegment("woman")',
  ])("asks the plan where the older form names one of its audiences: %s", (older) => {
    const plan = planOf(audience("asks", older), audience("woman", `person.gender = "female"`));
    expect(plan.audiences.map((one) => one.id)).toEqual(["woman", "asks"]);
    expect([...plan.evaluate(person, NOW).members].sort()).toEqual(["asks", "woman"]);
    const nobody = plan.evaluate({ attributes: {}, events: [] }, NOW);
    expect([...nobody.members]).toEqual([]);
  });

  it("reads what is stored where the older form names another audience, or another status", () => {
    const attributes = {
      segmentMembership: { ups: { elsewhere: { status: "realized" }, woman: { status: "exited" } } },
    };
    const plan = planOf(
      audience("elsewhere?", 'segmentMembership.get("ups").get("elsewhere").status = "realized"'),
      audience("left", 'segmentMembership.get("ups").get("woman").status = "exited"'),
      audience("woman", `person.gender = "female"`),
    );
    const { members } = plan.evaluate({ attributes, events: [] }, NOW);
    expect([...members].sort()).toEqual(["elsewhere?", "left"]);
  });

  it("refuses references in a circle and names the path", () => {
    const plan = compileAudiences([
      audience("a", `inSegment("b")`),
      audience("b", `inSegment("c")`),
      audience("c", `inSegment("a") or x = 1`),
      audience("d", `inSegment("a")`),
    ]);
    expect(plan.ok ? [] : plan.error.map((issue) => [issue.code, issue.path])).toEqual([
      ["audience.cycle", ["a", "b", "c", "a"]],
    ]);
  });

  it("reports every definition that does not parse, with its place", () => {
    const plan = compileAudiences([audience("a", "x ="), audience("b", "x = 1"), audience("c", "y.nope()")]);
    expect(plan.ok ? [] : plan.error.map((issue) => [issue.code, issue.path?.[1], issue.line])).toEqual([
      ["pql.syntax", 0, 1],
      ["pql.function", 2, 1],
    ]);
  });

  it("says when a window lapses, and when an event of the future shows", () => {
    const cart = planOf(
      audience("c", `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "cart") WHEN(<= 2 hours before now)])`),
    );
    const first = cart.evaluate(person, NOW);
    expect(first).toEqual({ members: new Set(["c"]), nextChangeAt: NOW + HOUR + 1 });
    expect(cart.evaluate(person, NOW + HOUR).members.has("c")).toBe(true);
    expect(cart.evaluate(person, NOW + HOUR + 1)).toEqual({
      members: new Set(),
      nextChangeAt: NOW + 3 * HOUR,
    });
    expect(cart.evaluate(person, NOW + 4 * HOUR).nextChangeAt).toBeUndefined();
  });

  it("drops persons who refuse, unless the definition says otherwise", () => {
    const plan = planOf(
      audience("usual", `person.gender = "female"`),
      audience("whole", `person.gender = "female"`, { excludeOptOut: false }),
    );
    const refusing = { ...person, attributes: { ...person.attributes, consents: { collect: { val: "n" } } } };
    expect([...plan.evaluate(refusing, NOW).members]).toEqual(["whole"]);
    const channel = { ...person.attributes, consents: { marketing: { email: { val: "n" } } } };
    expect(plan.evaluate({ ...person, attributes: channel }, NOW).members.size).toBe(2);
  });

  it("asks the given memberships for audiences it does not hold", () => {
    const plan = planOf(
      audience("a", `inSegment("elsewhere", "csv")`),
      audience("b", `inSegment("x", "AAM")`),
    );
    const entry = { lastQualificationTime: "2026-03-01T00:00:00Z" };
    const members = plan.evaluate(
      {
        ...person,
        segmentMembership: {
          csv: { elsewhere: { ...entry, status: "realized", validUntil: "2026-03-10T13:00:00Z" } },
          AAM: { x: { ...entry, status: "exited" } },
        },
      },
      NOW,
    );
    expect(members).toEqual({ members: new Set(["a"]), nextChangeAt: NOW + HOUR });
  });

  it("tells what it reads", () => {
    const plan = planOf(
      audience(
        "a",
        `person.gender = "female" and xEvent[eventType = "a" and timestamp occurs <= 7 days before now].count() > 2`,
      ),
      audience("b", `CHAIN(xEvent, timestamp, [A: WHAT(commerce.order.priceTotal > 5) WHEN(today)])`),
    );
    expect(plan.fields).toEqual({
      attributes: ["consents", "person.gender"],
      events: ["commerce.order.priceTotal", "eventType", "timestamp"],
      readsEvents: true,
      lookBack: 7 * 24 * HOUR,
    });
  });
});
