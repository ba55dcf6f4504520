import {
  DEFAULT_MERGE_POLICY,
  deriveProfile,
  type Fragment,
  type HubCommit,
  type HubStore,
  type PersonState,
} from "@tessera/profile-store";
import { type AudiencePlan, compileAudiences } from "@tessera/segment-engine";
import type { JsonObject, JsonValue } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type PersonPart, pushDown } from "../src/index.ts";
import { withMongo } from "./deployment.ts";

const NOW = 1_772_323_200_000;
const PERSONS = 300;
const RUNS = 60;

/** What an attribute can hold, also what no sound source would send. */
const CITIES: readonly JsonValue[] = ["Bonn", "Köln", "", "2026-01-01", 7, true, null, ["Bonn"], { a: 1 }];
const POINTS: readonly JsonValue[] = [0, -1, 2.5, 7, 1e9, "7", null, [7, 9], [{ x: 7 }], false];

const conditions: fc.Arbitrary<string> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc
      .tuple(
        fc.constantFrom("=", "!=", "<", "<=", ">", ">="),
        fc.constantFrom("0", "2.5", "7", '"7"', "true"),
      )
      .map(([op, value]) => `loyalty.points ${op} ${value}`),
    fc.constantFrom("=", "!=", "<").map((op) => `homeAddress.city ${op} "Bonn"`),
    fc.constantFrom(
      '"Bonn" = homeAddress.city',
      "7 > loyalty.points",
      'homeAddress.city in ["Bonn", "Köln", "Paris"]',
      'homeAddress.city in ["Bonn", 7, true]',
      'homeAddress.city not in ["Bonn"]',
      'homeAddress.city > "2025-12-31"',
      'homeAddress.city.startsWith("B")',
      "loyalty.points.isNotNull()",
      "loyalty.points + 1 > 7",
      'inSegment("other")',
      'odd.`a.b` = "x"',
    ),
  ),
  both: fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${String(a)} and ${String(b)})`),
  either: fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${String(a)} or ${String(b)})`),
  neither: tie("any").map((a) => `not (${String(a)})`),
  any: fc.oneof({ maxDepth: 3, depthSize: "small" }, tie("leaf"), tie("both"), tie("either"), tie("neither")),
})).any as fc.Arbitrary<string>;

function fragmentOf(number: number, part: number, owner: string): Fragment {
  const seed = number * 31 + part * 17;
  const body: Record<string, JsonValue> = {};
  if (seed % 4 !== 0) body["homeAddress"] = { city: CITIES[seed % CITIES.length] ?? null };
  if (seed % 3 !== 0) body["loyalty"] = { points: POINTS[seed % POINTS.length] ?? null };
  // A name that MongoDB cannot filter by: the whole body is kept as a text.
  if (seed % 11 === 0) body["odd"] = { "a.b": "x" };
  return { datasetId: part === 0 ? "crm" : "shop", owner, body: body as JsonObject, at: NOW - seed };
}

function personOf(number: number): PersonState {
  const owner = `CRMID:${number}`;
  return {
    personId: `p${String(number).padStart(4, "0")}`,
    version: 1,
    identities: [owner],
    graph: {},
    fragments: Array.from({ length: number % 3 }, (_, part) => fragmentOf(number, part, owner)),
    memberships:
      number % 50 === 0
        ? [{ namespace: "ups", audienceId: "asked", status: "realized", at: NOW, version: 1 }]
        : [],
    eventCount: 0,
    evaluatedAt: NOW,
  };
}

async function put(store: HubStore, persons: readonly PersonState[]): Promise<void> {
  const commit: HubCommit = {
    persons: persons.map((person) => ({ kind: "put", person, fragmentsChanged: true })),
    events: [],
    records: [],
    memberships: [],
    outbox: [],
    quarantine: [],
    documents: [],
    counters: {},
  };
  expect(await store.commit(commit)).toEqual({ ok: true });
}

async function idsIn(store: HubStore): Promise<readonly PersonState[]> {
  const all: PersonState[] = [];
  for (let after = ""; ;) {
    const page = await store.scan(after, 97);
    const last = page.at(-1);
    if (last === undefined) return all;
    all.push(...page);
    after = last.personId;
  }
}

function membersAmong(persons: readonly PersonState[], plan: AudiencePlan): readonly string[] {
  return persons
    .filter(({ fragments }) => {
      const { attributes } = deriveProfile(fragments, DEFAULT_MERGE_POLICY);
      return plan.evaluate({ attributes, events: [] }, NOW).members.has("asked");
    })
    .map(({ personId }) => personId);
}

function planOf(value: string): AudiencePlan | undefined {
  const audience = {
    id: "asked",
    name: "Asked",
    version: 1,
    evaluation: "batch" as const,
    expression: { type: "PQL" as const, format: "pql/text" as const, value },
  };
  const plan = compileAudiences([audience]);
  return plan.ok ? plan.value : undefined;
}

withMongo("audiences pushed down", ({ open }) => {
  test("the candidates hold every member, whatever is asked, and everyone who stands in the audience", async () => {
    const store = await open();
    const persons = Array.from({ length: PERSONS }, (_, number) => personOf(number));
    await put(store, persons);
    await store.indexAttributes(["homeAddress.city", "loyalty.points"]);
    const lease = await store.leases.acquire("batch", "test", 600_000);
    if (lease === undefined) throw new Error("The lease should have been free.");
    const standing = persons
      .filter(({ memberships }) => memberships.length > 0)
      .map(({ personId }) => personId);
    let filtered = 0;
    await fc.assert(
      fc.asyncProperty(conditions, fc.integer({ min: 0, max: PERSONS }), async (value, cut) => {
        const plan = planOf(value);
        if (plan === undefined) throw new Error(`This should compile: ${value}`);
        const { candidates } = pushDown(plan, ["asked"]);
        const middle = `p${String(cut).padStart(4, "0")}`;
        const parts: PersonPart[] = [{ to: middle }, { from: middle }].map((range) => ({
          ...range,
          ...(candidates === undefined ? {} : { candidates }),
        }));
        const looked = (await Promise.all(parts.map((part) => idsIn(store.under(lease, part))))).flat();
        const ids = looked.map(({ personId }) => personId);
        if (ids.length < PERSONS) filtered += 1;
        expect(new Set(ids).size).toBe(ids.length);
        expect(membersAmong(looked, plan)).toEqual(membersAmong(persons, plan));
        expect(standing.filter((id) => !ids.includes(id))).toEqual([]);
      }),
      { numRuns: RUNS, seed: 20_260_301 },
    );
    expect(filtered).toBeGreaterThan(RUNS / 10);
    await store.close();
  }, 60_000);

  test("a condition on an attribute that has an index uses it", async () => {
    const store = await open();
    await store.indexAttributes(["homeAddress.city"]);
    await store.indexAttributes(["homeAddress.city"]);
    await put(
      store,
      Array.from({ length: 2_000 }, (_, number) => personOf(number)),
    );
    const plan = planOf('homeAddress.city = "Bonn" and xEvent[eventType = "view"].count() > 3');
    const pushed = plan === undefined ? undefined : pushDown(plan, ["asked"]);
    expect(pushed?.paths).toEqual(["homeAddress.city"]);
    const explained = JSON.stringify(
      await store.explainScan(pushed?.candidates === undefined ? {} : { candidates: pushed.candidates }),
    );
    expect(explained).toContain("IXSCAN");
    expect(explained).toContain("attribute homeAddress.city");
    await store.close();
  });

  test.each([
    ['homeAddress.city != "Bonn"', "who has another city, or a list, cannot be told by a filter for this"],
    ['not (homeAddress.city = "Bonn")', "a necessary condition is none once it is negated"],
    ['homeAddress.city = "Bonn" or xEvent.count() > 3', "one branch asks for everybody"],
    ['segmentMembership.x = "y"', "memberships are not attributes"],
  ])("%s is left to the evaluation: %s", (value) => {
    const plan = planOf(value);
    expect(plan).toBeDefined();
    expect(plan && pushDown(plan, ["asked"])).toEqual({ candidates: undefined, paths: [] });
  });
});
