import type { AudienceDefinition, ExperienceEvent, JsonObject } from "@tessera/xdm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definition, type Definition, moments, someone, type Someone } from "../test/definitions.ts";
import {
  type AudiencePlan,
  Columns,
  compileAudiences,
  compileColumns,
  compileRows,
  compileStream,
  evaluatePql,
  hasMember,
  parsePql,
  type PersonView,
  printPql,
} from "./index.ts";

const audience = (id: string, value: string): AudienceDefinition => ({
  id,
  name: id,
  expression: { type: "PQL", format: "pql/text", value },
  evaluation: "streaming",
  version: 1,
  excludeOptOut: false,
});

/** A plan of several definitions, and one that is made of the first two. */
function planOf(definitions: readonly Definition[]): AudiencePlan {
  const plan = compileAudiences([
    audience("both", `inSegment("a0") and not(inSegment("a1"))`),
    ...definitions.map(({ text }, index) => audience(`a${index}`, text)),
  ]);
  if (!plan.ok) throw new Error(plan.error.map(({ message }) => message).join("\n"));
  return plan.value;
}

function expected(definitions: readonly Definition[], person: Someone, now: number): readonly string[] {
  const members = definitions.flatMap(({ holds }, index) => (holds(person, now) ? [`a${index}`] : []));
  return [...members, ...(members.includes("a0") && !members.includes("a1") ? ["both"] : [])].sort();
}

const viewOf = ({ attributes, events }: Someone): PersonView => ({
  attributes: attributes as JsonObject,
  events: events.map(({ at, type, amount }, index) => ({
    _id: `e${index}`,
    timestamp: new Date(at).toISOString(),
    eventType: type,
    ...(amount === undefined ? {} : { amount }),
  })),
});
const membersOf = (plan: AudiencePlan, person: PersonView, now: number): readonly string[] =>
  [...plan.evaluate(person, now).members].sort();

const definitions = fc.array(definition, { minLength: 3, maxLength: 6 });
const numRuns = 400;

describe("random definitions on random histories", () => {
  it("batch: all together at any moment, as the plain reading of each", () => {
    fc.assert(
      fc.property(definitions, someone, moments, (all, person, asked) => {
        const plan = planOf(all);
        for (const now of asked)
          expect(membersOf(plan, viewOf(person), now)).toEqual(expected(all, person, now));
      }),
      { numRuns },
    );
  });

  it("batch: many persons in one go, as rows and as columns, as the plain reading of each", () => {
    fc.assert(
      fc.property(
        definitions,
        fc.array(someone, { minLength: 1, maxLength: 40 }),
        moments,
        (all, persons, asked) => {
          const plan = planOf(all);
          const rows = compileRows(plan);
          const columnPlan = compileColumns(plan);
          const unable = new Set(columnPlan.fallbacks.map(({ audienceId }) => audienceId));
          const columns = new Columns(columnPlan.layout);
          const views = persons.map(viewOf);
          for (const view of views) columns.put(view);
          for (const now of asked) {
            const found = rows.evaluate(views, now);
            const [chunk] = columnPlan.evaluate(columns, now);
            persons.forEach((person, index) => {
              const holds = new Set(expected(all, person, now));
              plan.audiences.forEach(({ id }, audience) => {
                expect([id, hasMember(found, audience, index)]).toEqual([id, holds.has(id)]);
                if (unable.has(id)) return;
                expect([id, chunk !== undefined && hasMember(chunk.bits, audience, index)]).toEqual([
                  id,
                  holds.has(id),
                ]);
              });
            });
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("streaming: kept up by events that arrive in any order, with timers and through storage", () => {
    const arrivals = fc.tuple(someone, fc.array(fc.nat(1_000), { minLength: 60, maxLength: 60 }));
    fc.assert(
      fc.property(definitions, arrivals, moments, (all, [person, places], asked) => {
        const plan = planOf(all);
        const stream = compileStream(plan);
        const arriving = person.events
          .map((event, index) => ({ event, place: places[index] ?? 0 }))
          .sort((a, b) => a.place - b.place)
          .map(({ event }) => event);
        const known: Someone["events"][number][] = [];
        const whole = (): Someone => ({ ...person, events: known.toSorted((a, b) => a.at - b.at) });
        const view = (): PersonView => viewOf(whole());
        const start = Math.min(...asked, ...person.events.map(({ at }) => at)) - 1;
        let state = stream.rebuild(view(), start);
        const check = (now: number): void =>
          expect([...stream.members(state)].sort()).toEqual(expected(all, whole(), now));
        check(start);
        for (const event of arriving) {
          known.push(event);
          const [body] = viewOf({ ...person, events: [event] }).events;
          // What is not later than all that was seen cannot be added: the person is read anew.
          if (body === undefined || event.at <= state.at) state = stream.rebuild(view(), state.at);
          else stream.apply(state, { at: event.at, events: [body], person: view });
          const stored = stream.decode(stream.encode(state));
          if (stored === undefined) throw new Error("A state is read by the definitions that wrote it.");
          state = stored;
          check(state.at);
        }
        for (const now of asked.toSorted((a, b) => a - b)) {
          if (now <= state.at) continue;
          // The timers: every moment at which the state says that something lapses, then the moment asked about.
          for (let due = state.next; due <= now; due = state.next) {
            stream.advance(state, { at: due, person: view });
            check(due);
          }
          stream.advance(state, { at: now, person: view });
          check(now);
        }
      }),
      { numRuns },
    );
  });

  it("streaming: event by event, with timers, holds at every moment in between", () => {
    fc.assert(
      fc.property(definitions, someone, moments, (all, person, asked) => {
        const plan = planOf(all);
        let at = Math.min(...asked, ...person.events.map((event) => event.at)) - 1;
        const look = (): { members: readonly string[]; until: number } => {
          // Only what has arrived is known.
          const known = { ...person, events: person.events.filter((event) => event.at <= at) };
          const next = person.events.find((event) => event.at > at)?.at ?? Infinity;
          const { members, nextChangeAt = Infinity } = plan.evaluate(viewOf(known), at);
          expect(nextChangeAt).toBeGreaterThan(at);
          return { members: [...members].sort(), until: Math.min(next, nextChangeAt) };
        };
        let held = look();
        for (const now of asked.toSorted((a, b) => a - b)) {
          while (held.until <= now) {
            at = held.until;
            held = look();
          }
          expect(held.members).toEqual(expected(all, person, now));
        }
      }),
      { numRuns },
    );
  });

  it("edge: with no more than the plan reads of a person, the same", () => {
    fc.assert(
      fc.property(definitions, someone, moments, (all, person, asked) => {
        const plan = planOf(all);
        const { attributes, events, lookBack } = plan.fields;
        const whole = viewOf(person);
        for (const now of asked) {
          const cut: PersonView = {
            attributes: pick(whole.attributes, attributes),
            events: whole.events
              .filter(({ timestamp }) => lookBack === undefined || now - Date.parse(timestamp) <= lookBack)
              .map((event) => pick(event as unknown as JsonObject, events) as unknown as ExperienceEvent),
          };
          expect(membersOf(plan, cut, now)).toEqual(expected(all, person, now));
        }
      }),
      { numRuns },
    );
  });

  it("one at a time, printed and read again, the same", () => {
    fc.assert(
      fc.property(definition, someone, moments, (one, person, asked) => {
        const parsed = parsePql(one.text);
        if (!parsed.ok) throw new Error(one.text);
        const printed = printPql(parsed.value);
        const view = viewOf(person);
        for (const now of asked) {
          // What lies ahead is not known: a profile that is asked alone says what it holds.
          const profile = { ...view.attributes, xEvent: view.events };
          const answer = evaluatePql(printed, profile, { now: new Date(now).toISOString() });
          expect(answer).toEqual({ ok: true, value: one.holds(person, now) });
        }
      }),
      { numRuns },
    );
  });
});

function pick(data: JsonObject, paths: readonly string[]): JsonObject {
  if (paths.includes("*")) return data;
  return Object.fromEntries(
    Object.entries(data).filter(([name]) =>
      paths.some((path) => path === name || path.startsWith(`${name}.`)),
    ),
  );
}
