import { compareMemberships, type MembershipState } from "@tessera/profile-store";
import { compileAudiences } from "@tessera/segment-engine";
import { UPS } from "@tessera/xdm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { audiencesOf, Standing, summaryOf } from "./standing.ts";

const DAY = 86_400_000;
const IDS = ["d", "b", "e", "a", "c"];

const plan = compileAudiences(
  IDS.map((id) => ({
    id,
    name: id,
    expression: { type: "PQL", format: "pql/text", value: `homeAddress.city = "${id}"` },
    evaluation: "streaming",
    version: 1,
  })),
);
if (!plan.ok) throw new Error("The audiences of this test compile.");
const audiences = audiencesOf(plan.value, new Map(IDS.map((id) => [id, 0])));

const membership = (namespace: string, audienceId: string, at: number): fc.Arbitrary<MembershipState> =>
  fc.record({
    namespace: fc.constant(namespace),
    audienceId: fc.constant(audienceId),
    status: fc.constantFrom("realized" as const, "exited" as const),
    at: fc.constant(at),
    version: fc.constant(1),
  });

/** Memberships of the plan and of elsewhere, in any order. */
const given = fc
  .tuple(
    ...IDS.map((id, index) => membership(UPS, id, index)),
    membership("aam", "c", 7),
    membership(UPS, "x", 8),
  )
  .chain((all) => fc.shuffledSubarray(all));
const news = fc.array(
  fc.record({
    audienceId: fc.constantFrom(...IDS),
    member: fc.boolean(),
    wait: fc.integer({ min: 0, max: 20 * DAY }),
  }),
  { maxLength: 12 },
);

describe("standing", () => {
  it("keeps memberships in order, and knows when the first of them lapses", () => {
    fc.assert(
      fc.property(given, news, (memberships, steps) => {
        const standing = new Standing(summaryOf(memberships, audiences), audiences);
        const held = new Map(memberships.map((one) => [`${one.namespace} ${one.audienceId}`, one]));
        let at = 10;
        for (const { audienceId, member, wait } of steps) {
          at += wait;
          standing.take([{ audienceId, version: 1, member, at }]);
          const before = held.get(`${UPS} ${audienceId}`);
          if ((before?.status === "realized") !== member)
            held.set(`${UPS} ${audienceId}`, {
              namespace: UPS,
              status: member ? "realized" : "exited",
              audienceId,
              version: 1,
              at,
            });
          standing.lapse(at);
          for (const [key, one] of held)
            if (one.status === "exited" && one.at + 30 * DAY <= at) held.delete(key);
        }
        const found = standing.summary();
        expect(found.inOrder).toEqual([...held.values()].sort(compareMemberships));
        const exits = [...held.values()].filter(({ status }) => status === "exited");
        const first = Math.min(...exits.map((one) => one.at + 30 * DAY));
        expect(found.lapseAt).toBe(first);
        expect(summaryOf(found.inOrder, audiences)).toEqual(found);
      }),
    );
  });
});
