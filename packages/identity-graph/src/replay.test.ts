import * as fc from "fast-check";
import { identityKey } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { decisions, linkingRules, observations } from "../test/arbitraries.ts";
import { feed } from "../test/feed.ts";
import { decisionsOf, replay } from "./index.ts";

const runs = { numRuns: 600 };

describe("replay", () => {
  it("gives what linking in any order of arrival gives, byte for byte", () => {
    let late = 0;
    fc.assert(
      fc.property(
        observations(14).chain((history) => fc.shuffledSubarray([...history], { minLength: history.length })),
        linkingRules,
        (arrived, rules) => {
          const fed = feed(arrived, rules);
          late += fed.late;
          expect(JSON.stringify(fed.graphs)).toBe(JSON.stringify(replay(arrived, rules)));
        },
      ),
      runs,
    );
    expect(late).toBeGreaterThan(100);
  });

  it("gives the same when decisions were taken half way", () => {
    fc.assert(
      fc.property(
        observations(14).chain((history) => fc.shuffledSubarray([...history], { minLength: history.length })),
        linkingRules,
        decisions,
        fc.nat(14),
        (arrived, rules, decided, half) => {
          const past = arrived.slice(0, half);
          // Decisions are about identities that the graphs know.
          const known = new Set(past.flatMap(({ identities }) => identities.map(identityKey)));
          const fitting = decided.filter((one) =>
            "identity" in one
              ? known.has(identityKey(one.identity))
              : known.has(identityKey(one.a)) && known.has(identityKey(one.b)),
          );
          const graphs = replay(past, rules, fitting);
          const standing = decisionsOf(graphs);
          const fed = feed(arrived.slice(half), rules, { past, graphs });
          expect(JSON.stringify(fed.graphs)).toBe(JSON.stringify(replay(arrived, rules, standing)));
        },
      ),
      runs,
    );
  });

  it("gives the same when decisions were taken before anybody was seen", () => {
    let restrained = 0;
    fc.assert(
      fc.property(
        observations(14).chain((history) => fc.shuffledSubarray([...history], { minLength: history.length })),
        linkingRules,
        decisions,
        (arrived, rules, decided) => {
          const fed = feed(arrived, rules, { past: [], graphs: [], decisions: decided });
          const whole = replay(arrived, rules, decided);
          restrained += whole.filter(
            ({ apart, identities }) => apart.length > 0 || identities[0]?.blocked !== undefined,
          ).length;
          expect(JSON.stringify(fed.graphs)).toBe(JSON.stringify(whole));
        },
      ),
      runs,
    );
    expect(restrained).toBeGreaterThan(100);
  });

  it("is idempotent: the same observation twice changes nothing", () => {
    fc.assert(
      fc.property(observations(12), linkingRules, decisions, (history, rules, decided) => {
        const once = replay(history, rules, decided);
        expect(JSON.stringify(replay([...history, ...history], rules, decided))).toBe(JSON.stringify(once));
      }),
      runs,
    );
  });
});
