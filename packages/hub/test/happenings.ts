import type { HubStore, PersonState } from "@tessera/profile-store";
import fc from "fast-check";
import { saveAudience } from "../src/audience-lifecycle.ts";
import type { StoredAudience } from "../src/configuration.ts";
import { createHub, type Hub } from "../src/hub.ts";

/** Where the clock of these tests stands. */
export const NOW = Date.parse("2026-02-01T00:00:00Z");
const HOUR = 3_600_000;
const BEGIN = NOW - 20 * HOUR;

const audience = (id: string, value: string, since: number): StoredAudience => ({
  id,
  name: id,
  expression: { type: "PQL", format: "pql/text", value },
  evaluation: "streaming",
  version: 1,
  status: "published",
  since,
  createdAt: since,
  updatedAt: since,
  revision: 0,
});

const AUDIENCES = [
  audience("buyers", 'xEvent.exists(eventType = "buy")', BEGIN),
  audience(
    "fresh",
    'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view") WHEN(<= 3 hours before now)])',
    BEGIN,
  ),
  audience("many", 'xEvent[eventType = "view"].count() >= 2', NOW - 8 * HOUR),
  audience("both", 'inSegment("buyers") and inSegment("many")', NOW - 4 * HOUR),
  audience(
    "soon after",
    'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view"), B: WHAT(eventType = "buy") WHEN(<= 5 hours after A)])',
    NOW - 6 * HOUR,
  ),
  audience("germans", 'homeAddress.country = "DE"', BEGIN),
];

/** One that cannot be kept up event by event: with it, past events are carried along as far as they are read. */
const HARD = audience("last", 'xEvent.topN(timestamp, 1).head().eventType = "buy"', BEGIN);

/** Something that happened to somebody under some identities. */
export interface Happening {
  readonly at: number;
  readonly type: string;
  readonly crm: string | undefined;
  readonly cookies: readonly string[];
}

/** Happenings among three customers and three browsers within 30 hours, some of them yet to come. */
export const happening: fc.Arbitrary<Happening> = fc.record({
  at: fc.integer({ min: -2, max: 30 }).map((steps) => NOW - steps * HOUR),
  type: fc.constantFrom("view", "buy"),
  crm: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
  cookies: fc.uniqueArray(fc.constantFrom("s1", "s2", "s3"), { minLength: 1, maxLength: 2 }),
});

/** A happening as an event with id `e<index>`. */
export function eventOf({ at, type, crm, cookies }: Happening, index: number): object {
  return {
    _id: `e${index}`,
    timestamp: new Date(at).toISOString(),
    eventType: type,
    identityMap: {
      SESSION: cookies.map((id) => ({ id })),
      ...(crm === undefined ? {} : { CRMID: [{ id: crm }] }),
    },
  };
}

/** How a hub of these tests is opened. */
export interface HubChoice {
  /** Whether one of the audiences cannot be kept up event by event. */
  readonly hard?: boolean;
  readonly clock?: () => number;
}

/** A hub with a handful of audiences that began at different times. */
export async function openHub(store: HubStore, choice: HubChoice = {}): Promise<Hub> {
  for (const definition of choice.hard === true ? [...AUDIENCES, HARD] : AUDIENCES)
    await saveAudience(store, definition);
  let ids = 0;
  return createHub({ store, clock: choice.clock ?? (() => NOW), newId: () => `id-${(ids += 1)}` });
}

/** All persons without what only counts writes. */
export async function personsOf(
  store: HubStore,
): Promise<readonly Omit<PersonState, "version" | "evaluatedAt">[]> {
  const persons = await store.scan("", 1_000);
  return persons.map(({ version: _version, evaluatedAt: _evaluatedAt, ...person }) => person);
}
