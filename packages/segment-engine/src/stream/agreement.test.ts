import type { AudienceDefinition, ExperienceEvent, JsonObject } from "@tessera/xdm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AudiencePlan,
  compileAudiences,
  Columns,
  compileColumns,
  compileRows,
  compileStream,
  countMembers,
  hasMember,
  joinLayouts,
  type PersonView,
  type StreamState,
} from "../index.ts";

const EXPRESSIONS: readonly string[] = [
  `person.gender = "f"`,
  `person.gender in ["f", "x"] and loyalty.points >= 100`,
  `not(loyalty.points > 200) or homeAddress.city.startsWith("P")`,
  `loyalty.points = 100 or loyalty.points < 20`,
  `loyalty.points > homeAddress.number`,
  `homeAddress.city.contains("ar", false) and person.email.endsWith(".org")`,
  `isNotNull(person.email)`,
  `tags.includes("vip")`,
  `person.birthDay occurs <= 20 days before now`,
  `member.until > now`,
  `xEvent.exists(eventType = "view")`,
  `xEvent[eventType = "view" and timestamp occurs <= 3 days before now].count() >= 3`,
  `xEvent[eventType = "view" and timestamp occurs <= 7 days before now].count() < 2`,
  `count(xEvent[eventType = "buy" and shop.category = "shoes" and timestamp occurs < 2 days before now]) = 1`,
  `count(xEvent[shop.category in ["shoes", "hats"]]) != 4`,
  `xEvent[eventType = "buy" and timestamp occurs <= 5 days before now].sum(shop.price) >= 100`,
  `sum(xEvent[eventType = "buy"].shop.price) > 150`,
  `sum(xEvent[timestamp occurs <= 2 days before now].shop.price) < 40`,
  `average(xEvent[eventType = "buy" and timestamp occurs <= 9 days before now].shop.price) > 25`,
  `select X from xEvent where X.eventType = "buy" and X.timestamp occurs today`,
  `exists X from xEvent where X.shop.price > 40 and X.timestamp occurs <= 1 month before now`,
  `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view"), B: WHAT(eventType = "buy") WHEN(<= 1 days after A)])`,
  `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view") WHEN(<= 4 days before now), B: WHAT(eventType = "cart") WHEN(< 2 days after A), C: WHAT(eventType = "buy")])`,
  `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "cart") WHEN(<= 3 days before now), B: NOT WHAT(eventType = "buy")])`,
  `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "cart"), B: NOT WHAT(eventType = "buy") WHEN(<= 1 days after A)])`,
  `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view") COUNT(3) WHEN(this week)])`,
  `CHAIN(xEvent, timestamp, [A: NOT WHAT(shop.price > 30) WHEN(<= 2 days before now)])`,
  `xEvent[timestamp occurs yesterday].count() > 1`,
  `xEvent.topN(timestamp, 1).head().eventType = "buy"`,
  `inSegment("a0") and not inSegment("a10")`,
  `inSegment("a29") or inSegment("a11")`,
  `inSegment("elsewhere") or person.gender = "x"`,
  `(inSegment("a0") = true) and xEvent.exists(eventType = "buy")`,
  `if(person.gender = "f", loyalty.points > 50, loyalty.points > 150)`,
  `xEvent[eventType.equals("VIEW", false) and shop.category.equals("Shoes", "HATS", false)].count() >= 2`,
  `xEvent.exists(eventType.equals("buy", "cart") and shop.category.equals("SHOES", true))`,
  `xEvent.exists(eventType.equals("Buy", false) and eventType.equals("buy") and shop.price > 20)`,
  `homeAddress.city.equals("PARIS", "berlin", false) or person.gender.equals("f")`,
];

function readable(texts: readonly string[]): readonly AudienceDefinition[] {
  return texts.map((value, index) => ({
    id: `a${index}`,
    name: `a${index}`,
    expression: { type: "PQL", format: "pql/text", value },
    evaluation: "streaming",
    version: 1,
    ...(index % 7 === 3 ? { excludeOptOut: false } : {}),
  }));
}

function planOf(texts: readonly string[]): AudiencePlan {
  const plan = compileAudiences(readable(texts));
  if (!plan.ok)
    throw new Error(plan.error.map((issue) => `${issue.path?.join(".")} ${issue.message}`).join("\n"));
  return plan.value;
}

const plan = planOf(EXPRESSIONS);
const stream = compileStream(plan);
const START = Date.parse("2026-02-20T08:00:00.000Z");
const HOUR = 3_600_000;

const attributes = fc.record(
  {
    person: fc.record(
      {
        gender: fc.constantFrom("f", "m", "x"),
        email: fc.constantFrom("a@b.org", "c@d.com"),
        birthDay: fc.constantFrom("2026-02-10", "2026-02-25", "no date"),
      },
      { requiredKeys: [] },
    ),
    loyalty: fc.record({ points: fc.constantFrom(0, 10, 19.5, 20, 100, 101, 250, "many", null) }),
    homeAddress: fc.record({ city: fc.constantFrom("Paris", "Berlin", "Marseille"), number: fc.nat(300) }),
    member: fc.record({ until: fc.constantFrom("2026-02-22T00:00:00Z", "2026-03-01") }),
    tags: fc.subarray(["vip", "new"]),
    consents: fc.record({ collect: fc.record({ val: fc.constantFrom("y", "n") }) }),
  },
  { requiredKeys: [] },
);

const news = fc.record({
  hours: fc.oneof(fc.nat(6), fc.nat(200)),
  millis: fc.constantFrom(0, 0, 1, -1),
  event: fc.record(
    {
      eventType: fc.constantFrom("view", "cart", "buy", "other"),
      shop: fc.record({
        category: fc.constantFrom("shoes", "hats", "food"),
        price: fc.constantFrom(10, 0.1, 0.2, 35, 60),
      }),
    },
    { requiredKeys: ["eventType"] },
  ),
  profile: fc.option(attributes, { freq: 8 }),
});

interface Moment {
  readonly at: number;
  readonly events: readonly ExperienceEvent[];
  readonly profile: JsonObject | undefined;
}

function momentsOf(
  list: readonly { hours: number; millis: number; event: object; profile: object | null }[],
): Moment[] {
  const moments: Moment[] = [];
  let at = START;
  list.forEach((one, index) => {
    const next = Math.max(at, at + one.hours * HOUR + one.millis);
    const event = {
      _id: String(index).padStart(4, "0"),
      timestamp: new Date(next).toISOString(),
      ...one.event,
    };
    const last = moments.at(-1);
    const profile = (one.profile ?? undefined) as JsonObject | undefined;
    if (last?.at === next)
      moments.splice(-1, 1, { at: next, events: [...last.events, event], profile: profile ?? last.profile });
    else moments.push({ at: next, events: [event], profile });
    at = next;
  });
  return moments;
}

const sorted = (members: ReadonlySet<string>): readonly string[] => [...members].sort();

/** So many times to keep that windows get their place with their first event. */
const wide = planOf([...EXPRESSIONS, `xEvent[shop.category = "shoes"].count() >= 600`]);

describe.each([
  { has: "a place for every window", plan, stream },
  { has: "a place for windows with events", plan: wide, stream: compileStream(wide) },
])("compileStream, where a person has $has", ({ plan, stream }) => {
  it("follows every membership at the moment at which evaluation finds it", () => {
    fc.assert(
      fc.property(attributes, fc.array(news, { maxLength: 25 }), (first, list) => {
        let person: PersonView = { attributes: first as JsonObject, events: [] };
        let state: StreamState = stream.create(person, START - HOUR);
        const members = new Set(plan.evaluate(person, START - HOUR).members);
        expect(sorted(stream.members(state))).toEqual(sorted(members));
        const follow = (changes: ReturnType<typeof stream.apply>, until: number): void => {
          for (const change of changes) {
            expect(members.has(change.audienceId)).toBe(!change.member);
            expect(change.at).toBeLessThanOrEqual(until);
            if (change.member) members.add(change.audienceId);
            else members.delete(change.audienceId);
          }
          expect(sorted(members)).toEqual(sorted(plan.evaluate(person, until).members));
          expect(sorted(stream.members(state))).toEqual(sorted(members));
        };
        for (const moment of momentsOf(list)) {
          // Every moment at which evaluation says that time may change something.
          for (;;) {
            const due = plan.evaluate(person, state.at).nextChangeAt ?? Infinity;
            if (due >= moment.at) break;
            expect(state.next).toBeLessThanOrEqual(firstChange(plan, person, state.at, moment.at));
            follow(stream.advance(state, { at: due, person: () => person }), due);
          }
          person = {
            attributes: moment.profile ?? person.attributes,
            events: [...person.events, ...moment.events],
          };
          const { at, events, profile } = moment;
          const now = person;
          state = stream.decode(stream.encode(state)) ?? state;
          follow(
            stream.apply(state, {
              at,
              events,
              ...(profile ? { profile: { attributes: profile } } : {}),
              person: () => now,
            }),
            at,
          );
          const anew = stream.rebuild(person, at);
          expect(sorted(stream.members(anew))).toEqual(sorted(members));
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** The first moment after `from` at which evaluation gives other members, before `to`. */
function firstChange(of: AudiencePlan, person: PersonView, from: number, to: number): number {
  const before = sorted(of.evaluate(person, from).members).join();
  for (let at = from; ;) {
    const { nextChangeAt } = of.evaluate(person, at);
    if (nextChangeAt === undefined || nextChangeAt >= to) return Infinity;
    at = nextChangeAt;
    if (sorted(of.evaluate(person, at).members).join() !== before) return at;
  }
}

describe("compileRows", () => {
  it("finds for many persons at once what evaluation finds for each", () => {
    const rows = compileRows(plan);
    const person = fc.tuple(attributes, fc.array(news, { maxLength: 20 })).map(([own, list]): PersonView => ({
      attributes: own as JsonObject,
      events: momentsOf(list).flatMap((moment) => moment.events),
    }));
    fc.assert(
      fc.property(fc.array(person, { maxLength: 70 }), fc.nat(400), (persons, hours) => {
        const now = START + hours * HOUR;
        const bits = rows.evaluate(persons, now);
        const expected = persons.map((one) => plan.evaluate(one, now).members);
        plan.audiences.forEach(({ id }, audience) => {
          const members = persons.flatMap((_, index) => (hasMember(bits, audience, index) ? [index] : []));
          expect([id, members]).toEqual([id, expected.flatMap((own, index) => (own.has(id) ? [index] : []))]);
          expect(countMembers(bits, audience)).toBe(members.length);
        });
        const [one] = persons;
        if (one) expect([...rows.members(one, now)].sort()).toEqual(sorted(expected[0] ?? new Set()));
      }),
      { numRuns: 60 },
    );
  });
});

describe("compileColumns", () => {
  const columnPlan = compileColumns(plan);
  const unable = new Set(columnPlan.fallbacks.map(({ audienceId }) => audienceId));
  const able = (members: ReadonlySet<string>): readonly string[] =>
    sorted(members).filter((id) => !unable.has(id));

  it("finds what evaluation finds, while persons change", () => {
    const step = fc.record({
      row: fc.nat(39),
      attributes,
      news: fc.array(news, { maxLength: 6 }),
      put: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(300), (steps, hours) => {
        const columns = new Columns(columnPlan.layout);
        const persons: PersonView[] = [];
        for (const one of steps) {
          const row = Math.min(one.row, persons.length);
          const before = persons[row];
          const events = momentsOf(one.news).flatMap((moment) => moment.events);
          if (before === undefined || one.put) {
            persons[row] = { attributes: one.attributes as JsonObject, events };
            columns.put(persons[row], row);
            continue;
          }
          const last = before.events.at(-1)?.timestamp ?? "";
          const later = events.filter(({ timestamp }) => timestamp > last);
          persons[row] = { attributes: one.attributes as JsonObject, events: [...before.events, ...later] };
          columns.putAttributes(row, persons[row]);
          for (const event of later) columns.addEvent(row, event);
        }
        const now = START + hours * HOUR;
        let done = 0;
        for (const { bits, firstRow, personsDone } of columnPlan.evaluate(columns, now)) {
          done = personsDone;
          for (let person = 0; person < bits.persons; person++) {
            const members = plan.audiences.flatMap(({ id }, audience) =>
              hasMember(bits, audience, person) ? [id] : [],
            );
            const own = persons[firstRow + person];
            expect(able(new Set(members))).toEqual(own ? able(plan.evaluate(own, now).members) : []);
          }
        }
        expect(done).toBe(persons.length);
      }),
      { numRuns: 60 },
    );
  });

  it("says which columns a new audience lacks, and answers it once they are there", () => {
    const small = compileColumns(planOf([`person.gender = "f"`]));
    const wide = compileColumns(planOf([`loyalty.points > 3 and xEvent.exists(eventType = "buy")`]));
    const columns = new Columns(small.layout);
    const person = {
      attributes: { person: { gender: "f" }, loyalty: { points: 4 } },
      events: [{ _id: "1", timestamp: "2026-01-01T00:00:00.000Z", eventType: "buy" }],
    };
    columns.put(person);
    expect(wide.missing(columns)).toEqual(["loyalty.points", "xEvent.eventType"]);
    expect(() => [...wide.evaluate(columns, START)]).toThrow("loyalty.points");
    const both = new Columns(joinLayouts(small.layout, wide.layout));
    both.put(person);
    expect([...wide.evaluate(both, START)].map(({ bits }) => countMembers(bits, 0))).toEqual([1]);
  });

  it("goes on at any chunk", () => {
    const gender = compileColumns(planOf([`person.gender = "f"`]));
    const columns = new Columns(gender.layout);
    for (let row = 0; row < 20_000; row++)
      columns.put({ attributes: { person: { gender: row % 3 === 0 ? "f" : "m" } }, events: [] });
    const counts = [...gender.evaluate(columns, START)].map(({ bits }) => countMembers(bits, 0));
    const [, second] = gender.evaluate(columns, START, 1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(6_667);
    expect(second).toMatchObject({ chunk: 2, personsDone: 20_000, persons: 20_000, firstRow: 16_384 });
    const again = [...gender.evaluate(columns, START, 1)].map(({ bits }) => countMembers(bits, 0));
    expect(again).toEqual(counts.slice(1));
  });
});

describe("fallbacks", () => {
  it("names the audiences that are worked out over all events, and why", () => {
    expect(stream.fallbacks.map((one) => EXPRESSIONS[Number(one.audienceId.slice(1))])).toEqual([
      `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "cart"), B: NOT WHAT(eventType = "buy") WHEN(<= 1 days after A)])`,
      `xEvent[timestamp occurs yesterday].count() > 1`,
      `xEvent.topN(timestamp, 1).head().eventType = "buy"`,
      `(inSegment("a0") = true) and xEvent.exists(eventType = "buy")`,
    ]);
    expect(stream.needs).toBe("history");
  });

  it("reads no state of other definitions", () => {
    const other = compileStream(planOf(EXPRESSIONS.slice(0, 12)));
    const state = other.create({ attributes: {}, events: [] }, START);
    expect(other.decode(other.encode(state))).toEqual(state);
    expect(stream.decode(other.encode(state))).toBeUndefined();
  });

  it("stores no window that no event went into", () => {
    const person = { attributes: {}, events: [] };
    const buy = { _id: "1", timestamp: new Date(START).toISOString(), eventType: "buy" };
    for (const own of [stream, compileStream(wide)]) {
      const before = own.encode(own.rebuild(person, START)).length;
      const after = own.encode(own.rebuild({ ...person, events: [buy] }, START)).length;
      expect(before).toBe(22 + 4 * Math.ceil(own.size.nodes / 32) + 1);
      expect(after).toBeGreaterThan(before);
    }
  });
});
