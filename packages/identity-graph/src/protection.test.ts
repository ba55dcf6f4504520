import { type Identity, identityKey } from "@tessera/xdm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { feed } from "../test/feed.ts";
import {
  blockIdentity,
  defaultLinkingRules,
  defaultNamespaces,
  type Graph,
  link,
  type LinkingRules,
  type LinkObservation,
  replay,
  unlink,
  validateIdentities,
} from "./index.ts";

const identity = (namespace: string, id: string | number): Identity => ({ namespace, id: String(id) });
const item = (namespace: string, id: string) =>
  ({ ...identity(namespace, id), authenticatedState: "ambiguous", primary: false }) as const;
const seen = (t: number, ...identities: readonly Identity[]): LinkObservation => ({
  t,
  key: `e${String(t).padStart(6, "0")}`,
  datasetId: "d",
  identities,
});

const holds = ({ identities }: Graph, { namespace, id }: Identity): boolean =>
  identities.some((item) => item.namespace === namespace && item.id === id);

describe("protection against runaway graphs", () => {
  it("lets a chain of 2,500 identities arrive one by one, and keeps every graph within the cap", () => {
    const chain = Array.from({ length: 2_500 }, (_, index) =>
      seen(index, identity("ECID", index), identity("ECID", index + 1)),
    );
    const { graphs } = feed(chain, defaultLinkingRules);
    expect(Math.max(...graphs.map(({ identities }) => identities.length))).toBeLessThanOrEqual(50);
    expect(graphs.reduce((sum, { identities }) => sum + identities.length, 0)).toBe(2_501);
    const reasons = new Set(graphs.flatMap(({ removed }) => removed.map(({ reason }) => reason.rule)));
    expect([...reasons]).toEqual(["cap"]);
    const oldest = graphs.find(({ identities }) => identities.some(({ key }) => key === "ECID:0"));
    expect(oldest?.identities.length, "the oldest left first").toBe(1);
  });

  it("warns from 43 of 50 on at each new size, and says who left at the cap", () => {
    let graphs: readonly Graph[] = [];
    const warned: number[] = [];
    const left: string[] = [];
    for (let index = 0; index < 52; index++) {
      const linked = link(
        graphs,
        seen(index, identity("CRMID", "p"), identity("ECID", index)),
        defaultLinkingRules,
      );
      if (linked.kind === "late") throw new Error("The history is in order.");
      ({ graphs } = linked);
      for (const change of linked.changes) {
        if (change.kind === "nearCap") {
          expect(change).toMatchObject({ anchor: "CRMID:p", cap: 50 });
          warned.push(change.size);
        }
        if (change.kind === "identityLeft") left.push(change.identity);
      }
      graphs = graphs.filter((graph) => holds(graph, identity("CRMID", "p")));
    }
    expect(warned).toEqual([43, 44, 45, 46, 47, 48, 49, 50]);
    expect(left, "the oldest cookies, never the person").toEqual(["ECID:0", "ECID:1", "ECID:2"]);
    expect(graphs[0]?.removed.map(({ reason }) => reason.rule)).toEqual(["cap", "cap", "cap"]);
  });

  it("keeps a household of 60 on one tablet 60 persons; the tablet is the last one's, with reasons", () => {
    const people = Array.from({ length: 60 }, (_, index) => [
      seen(index * 10, identity("CRMID", `p${index}`), identity("Email", `p${index}@home.example`)),
      seen(index * 10 + 1, identity("CRMID", `p${index}`), identity("ECID", "tablet")),
    ]).flat();
    const { graphs } = feed(people, defaultLinkingRules);
    const withPerson = graphs.filter(({ identities }) =>
      identities.some(({ namespace }) => namespace === "CRMID"),
    );
    expect(withPerson).toHaveLength(60);
    for (const graph of withPerson)
      expect(graph.identities.filter(({ namespace }) => namespace === "CRMID")).toHaveLength(1);
    const tablet = graphs.find(({ identities }) => identities.some(({ key }) => key === "ECID:tablet"));
    expect(tablet?.identities.map(({ key }) => key)).toContain("CRMID:p59");
    expect(tablet?.removed.length).toBe(59);
    expect(tablet?.removed.every(({ reason }) => reason.rule === "unique")).toBe(true);
  });

  it("refuses the null id of 10,000 visitors and lives on with the rest of each record", () => {
    let refused = 0;
    const visits = Array.from({ length: 10_000 }, (_, index) => {
      const ecid = String(1_000_000 + index).padStart(38, "3");
      const { identities, issues } = validateIdentities(
        [item("CRMID", index % 2 ? "null" : "anonymous"), item("ECID", ecid)],
        defaultNamespaces,
      );
      refused += issues.length;
      return seen(index, ...identities);
    });
    expect(refused).toBe(10_000);
    const graphs = replay(visits, defaultLinkingRules);
    expect(graphs).toHaveLength(10_000);
    expect(graphs.every(({ identities }) => identities.length === 1)).toBe(true);
  });
});

describe("undo after 1,000 later events", () => {
  const people = 6;
  const login = fc.record({
    person: fc.nat(people - 1),
    device: fc.nat(9),
    kind: fc.constantFrom("login", "mail", "visit"),
  });
  const rules: LinkingRules = defaultLinkingRules;

  it("restores what a history without the bad value would have given", () => {
    fc.assert(
      fc.property(fc.array(login, { minLength: 1_000, maxLength: 1_000 }), (logins) => {
        const bad = identity("Phone", "000-junk");
        const good = logins.map(({ person, device, kind }, index) =>
          seen(
            index + 10,
            ...(kind === "mail" ? [identity("CRMID", person), identity("Email", person)] : []),
            ...(kind === "login" ? [identity("CRMID", person), identity("ECID", device)] : []),
            ...(kind === "visit" ? [identity("ECID", device)] : []),
          ),
        );
        const poisoned = [
          seen(1, identity("CRMID", 0), bad),
          seen(2, identity("Email", 1), bad),
          seen(3, identity("ECID", 3), bad),
          ...good,
        ];
        const undone = replay(poisoned, rules, [blockIdentity(bad, { t: 5_000 })]);
        const withoutBad = replay(
          [
            seen(1, identity("CRMID", 0)),
            seen(2, identity("Email", 1)),
            seen(3, identity("ECID", 3)),
            ...good,
          ],
          rules,
        );
        const parts = (graphs: typeof undone) =>
          graphs
            .map(({ identities, links }) => ({ identities, links }))
            .filter(({ identities }) => identities[0]?.key !== identityKey(bad));
        expect(parts(undone)).toEqual(parts(withoutBad));
      }),
      { numRuns: 15 },
    );
  });

  it("restores what a history without the one bad link would have given", () => {
    fc.assert(
      fc.property(
        fc.array(login, { minLength: 1_000, maxLength: 1_000 }),
        fc.boolean(),
        (logins, byLateDecision) => {
          const [one, other] = [identity("loyaltyId", "A"), identity("loyaltyId", "B")];
          const home = (who: Identity): string => (who === one ? "a" : "b");
          const good = logins.map(({ person, device, kind }, index) => {
            const who = person < people / 2 ? one : other;
            if (kind === "visit") return seen(index + 10, identity("ECID", `${home(who)}${device}`));
            const second =
              kind === "mail" ? identity("Email", home(who)) : identity("ECID", `${home(who)}${device}`);
            return seen(index + 10, who, second);
          });
          const badly = [seen(1, one), seen(1.5, other), seen(2, one, other), ...good];
          const well = [seen(1, one), seen(1.5, other), seen(2, one), seen(2.5, other), ...good];
          const joined = replay(badly, rules).find((graph) => holds(graph, one));
          expect(joined && holds(joined, other), "one person before").toBe(true);
          const undone = replay(badly, rules, [
            unlink(one, other, { t: byLateDecision ? 5_000 : 5, relink: "never" }),
          ]);
          const parts = (graphs: typeof undone) =>
            graphs.map(({ identities, links }) => ({
              keys: identities.map(({ key, firstSeen }) => [key, firstSeen]),
              links,
            }));
          expect(parts(undone)).toEqual(parts(replay(well, rules)));
        },
      ),
      { numRuns: 15 },
    );
  });

  it("keeps two unlinked identities apart whatever 1,000 later events show, unless asked otherwise", () => {
    const [a, b] = [identity("Email", "a@x.example"), identity("ECID", "7")];
    const later = Array.from({ length: 1_000 }, (_, index) => seen(index + 10, a, b));
    for (const relink of ["never", "observed"] as const) {
      const graphs = replay([seen(1, a, b), ...later], defaultLinkingRules, [unlink(a, b, { t: 5, relink })]);
      expect(graphs.length).toBe(relink === "never" ? 2 : 1);
    }
  });
});
